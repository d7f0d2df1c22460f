package quotacmd

import (
	"fmt"
	"testing"

	"tollgate.dev/platform/quota"
)

// A topic whose beginning is gone agrees from where it begins, also where it begins inside
// of what a relay had sent twice; one that is whole has no such excuse.
func TestTrimmedTopic(t *testing.T) {
	for name, c := range map[string]struct {
		sequences []int64
		trimmed   bool
		missing   string // of the sequences 1 to 9
		problems  int
	}{
		"whole":                          {[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false, "[]", 0},
		"whole, with repetitions":        {[]int64{1, 2, 3, 2, 3, 4, 5, 6, 7, 8, 9}, true, "[]", 0},
		"trimmed":                        {[]int64{6, 7, 8, 9}, true, "[]", 0},
		"trimmed inside of a repetition": {[]int64{5, 7, 4, 5, 6, 8, 9}, true, "[]", 1},
		"the beginning is missing":       {[]int64{3, 4, 5, 6, 7, 8, 9}, false, "[1 2]", 0},
		"some are missing":               {[]int64{1, 2, 5, 6, 9}, false, "[3 4 7 8]", 0},
		"out of order":                   {[]int64{1, 2, 4, 3, 5, 6, 7, 8, 9}, false, "[]", 1},
		"below the first":                {[]int64{2, 1, 3, 4, 5, 6, 7, 8, 9}, false, "[1]", 1},
		"an absurd sequence":             {[]int64{1, 2, 1 << 60, 3, 4, 5, 6, 7, 8, 9}, false, "[]", 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := &topicView{tenants: map[string]*stretch{}}
			for _, s := range c.sequences {
				v.add(&quota.Event{EventID: fmt.Sprint(s), TenantID: "t", Payload: quota.Payload{TenantID: "t", Sequence: s}}, c.trimmed)
			}
			s := v.tenants["t"]
			first := int64(1)
			if s.trimmed {
				first = s.first
			}
			missing := []int64{}
			for sequence := first; sequence <= 9; sequence++ {
				if compare(fmt.Sprint(sequence), 0, sequence, s) != "" {
					missing = append(missing, sequence)
				}
			}
			if got := fmt.Sprint(missing); got != c.missing || len(v.problems) != c.problems {
				t.Errorf("missing %s, want %s; problems %q, want %d", got, c.missing, v.problems, c.problems)
			}
		})
	}
}
