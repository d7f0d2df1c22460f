package agree_test

import (
	"testing"

	"tollgate.dev/services/cache/agree"
)

// One number, place or time in the stead of another makes another answer, however it is spelled.
func TestNumbersAndPlacesInWords(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"The index starts at zero.", "The index starts at one.", false},
		{"The queue has one reader.", "The queue has two readers.", false},
		{"Water the plant once a week.", "Water the plant twice a week.", false},
		{"The factory stands in the city.", "The factory stands outside the city.", false},
		{"The lock is taken within the loop.", "The lock is taken outside the loop.", false},
		{"The hook runs before the transaction commits.", "The hook runs when the transaction commits.", false},
		{"The hook runs after the build.", "The hook runs during the build.", false},
		{"In summer the pool opens before the school closes.", "In summer the pool opens after the school closes.", false},

		{"The cable runs behind the desk.", "The cable runs beside the desk.", false},
		{"Apply within the month.", "Apply after the month.", false},
		{"The log is written before the request ends.", "The log is written as the request ends.", false},
		{"The lamp hangs over the table.", "The lamp hangs beneath the table.", false},

		{"The lamp hangs above the table.", "The lamp hangs over the table.", true},
		{"The alarm rings when the door opens.", "The alarm rings once the door opens.", true},
		{"The three colors are red, green and blue; pick one.", "The three colors are red, green and blue.", true},
		{"One of the doors is locked.", "One of the doors is locked!", true},
		{"The factory stands in the city.", "The factory is in the city.", true},
		{"The hook runs when the transaction commits.", "When the transaction commits, the hook runs.", true},
	} {
		for _, p := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if same, why := agree.Texts(p[0], p[1]); same != c.same {
				t.Errorf("%s, %s: %t, %s", p[0], p[1], same, why)
			}
		}
	}
}
