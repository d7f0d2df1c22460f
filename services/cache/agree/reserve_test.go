package agree_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/cache/agree"
)

// answersOf the sets, each once.
func answersOf(t testing.TB) (all []pair) {
	t.Helper()
	seen := map[string]bool{}
	for _, set := range []string{fitted, held, later} {
		for _, p := range labelled(t, set) {
			for _, s := range []string{p.a, p.b} {
				if !seen[s] {
					seen[s] = true
					all = append(all, pair{kind: p.kind, a: s})
				}
			}
		}
	}
	return all
}

// What an answer says with a condition, an exception, a doubt or a denial is another answer.
func TestReserves(t *testing.T) {
	after := []string{
		" if %s", " unless %s", ", but only if %s", ", but only for adults", " except on Sundays", ", except for members",
		" provided that %s", " until Friday",
		", but only sometimes", " only in Germany", ", unless the manager agrees", " if it rains", ", if at all",
		", but not always", ", depending on the case",
		" as long as %s", " apart from one case", ", assuming that %s", ". But only if %s", ". Unless %s", ". Except in Spain",
		". However, there are exceptions", ", with some exceptions", ", in most cases", ", most of the time",
	}
	before := []string{
		"I doubt that %s", "It is not true that %s", "Perhaps %s", "Maybe %s", "I don't think that %s", "It is unlikely that %s",
		"Probably, %s", "It is not the case that %s",
		"It is false that %s", "It might be that %s", "I am not sure, but %s", "It is wrong to say that %s",
		"Nobody says that %s", "Some people say that %s", "It is a myth that %s",
		"Not %s", "Anything but %s", "Unlikely: %s", "The wrong answer is %s", "Reject unless the manager says: %s",
		"If it rains, %s", "It is no longer true that %s", "It used to be true that %s", "Possibly %s",
		"Don't believe that %s", "Never say that %s", "It seems that %s", "In theory, %s", "Allegedly, %s",
		"Contrary to the question, it is not said that %s",
		"The opposite of %s",
	}
	n := 0
	for _, p := range answersOf(t) {
		if strings.ContainsAny(p.a, "`{[\n|") {
			continue
		}
		bare := strings.TrimRight(p.a, ".!")
		var with []string
		for _, m := range after {
			with = append(with, bare+strings.ReplaceAll(m, "%s", "you are under 18")+".")
		}
		for _, m := range before {
			with = append(with, fmt.Sprintf(m, p.a))
		}
		for i, other := range with {
			// Of what is no verdict, each gets some of them.
			if n++; p.kind != "verdict" && (n+i)%23 > 0 {
				continue
			}
			if same, why := agree.Texts(p.a, other); same {
				t.Errorf("%s: %q, %q", why, p.a, other)
			}
		}
	}
}
