package canon

import (
	"strings"
	"testing"

	"tollgate.dev/services/cache/reading"
)

// Each line of the table finds what it is written for: no object stands there in a form that no
// question has, and no line is undone by what is of trade.
func TestEverydayDoingsAreFound(t *testing.T) {
	for verb, objects := range doings() {
		for object := range objects {
			if object == "*" {
				object = "something"
			}
			does := verb + " " + object
			if verb == "ask out" {
				does = "ask a " + object + " out"
			}
			a, b := Of(reading.Read("How do you "+does+"?")), Of(reading.Read("How do I "+does+"?"))
			if a.text != b.text && !strings.HasPrefix(a.text, "literal") { // how something is spelled
				t.Errorf("%s: %s | %s", does, a, b)
			}
		}
	}
}

// What companies and models do stands in the table neither as a verb nor with what it is done to.
func TestWhatIsOfTradeIsNotPrivate(t *testing.T) {
	for verb, objects := range doings() {
		for object := range objects {
			if trade[object] {
				t.Errorf("%s %s", verb, object)
			}
		}
	}
}
