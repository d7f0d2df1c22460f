package agree_test

import (
	"regexp"
	"slices"
	"testing"

	"tollgate.dev/services/cache/agree"
)

// judged are two answers, and whether they say the same.
type judged struct {
	a, b string
	same bool
}

func judge(t *testing.T, cases []judged) {
	t.Helper()
	for _, c := range cases {
		if same, why := agree.Texts(c.a, c.b); same != c.same {
			t.Errorf("%t, %s: %q, %q", same, why, c.a, c.b)
		}
		if same, why := agree.Texts(c.b, c.a); same != c.same {
			t.Errorf("the other way round: %t, %s: %q, %q", same, why, c.b, c.a)
		}
	}
}

// What is said in steps or ranks says another thing in another order, and a set the same one.
func TestOrder(t *testing.T) {
	judge(t, []judged{
		{
			"1. Turn off the power. 2. Remove the cover. 3. Cut the wire.",
			"1. Remove the cover. 2. Cut the wire. 3. Turn off the power.", false,
		},
		{
			"1. Turn off the power. 2. Remove the cover. 3. Cut the wire.",
			"1. Turn off the power.\n2. Remove the cover.\n3. Cut the wire.", true,
		},
		{"1. Kenya 2. Norway", "1. Norway 2. Kenya", false},
		{"1. Kenya\n2. Norway", "1. Norway\n2. Kenya", false},
		{"1. Kenya\n2. Norway", "2. Norway\n1. Kenya", false},
		{"1. Kenya\n2. Norway", "Kenya\nNorway", true},
		{"1. Kenya\n2. Norway", "- Norway\n- Kenya", false},
		{"1. Kenya\n2. Norway", "Norway, Kenya", false},
		{"- Kenya\n- Norway", "- Norway\n- Kenya", true},
		{"Kenya, Norway", "Norway, Kenya", true},
		{"**1.** Kenya\n**2.** Norway", "**1. Kenya**\n**2. Norway**", true},
		{"**1.** Kenya\n**2.** Norway", "**1. Norway**\n**2. Kenya**", false},
		{"a) Kenya\nb) Norway", "a) Norway\nb) Kenya", false},
		{
			"Step 1: Open the door\nStep 2: Lock the window\nStep 3: Leave",
			"Step 1: Leave\nStep 2: Open the door\nStep 3: Lock the window", false,
		},
		{
			"| Rank | Country |\n|---|---|\n| 1 | Kenya |\n| 2 | Norway |\n| 3 | Peru |",
			"| Rank | Country |\n|---|---|\n| 1 | Norway |\n| 2 | Peru |\n| 3 | Kenya |", false,
		},
		{
			"First turn off the power, then remove the cover, and finally cut the wire.",
			"First remove the cover, then cut the wire, and finally turn off the power.", false,
		},
		{
			"First, turn off the power. Then remove the cover. Finally, cut the wire.",
			"First, remove the cover. Then cut the wire. Finally, turn off the power.", false,
		},
		{
			"First, turn off the power. Then remove the cover. Finally, cut the wire.",
			"1. Turn off the power.\n2. Remove the cover.\n3. Cut the wire.", true,
		},
		{"Turn off the power. Remove the cover. Cut the wire.", "Cut the wire. Turn off the power. Remove the cover.", false},
		{"Turn off the power, remove the cover and cut the wire.", "Cut the wire, turn off the power and remove the cover.", false},
		{
			"Steps:\n- Turn off the power\n- Remove the cover\n- Cut the wire",
			"Steps:\n- Cut the wire\n- Turn off the power\n- Remove the cover", false,
		},
		{"Ranking of the countries:\n- Kenya\n- Norway", "Ranking of the countries:\n- Norway\n- Kenya", false},
		{"The largest countries are:\n- Russia\n- Canada\n- China", "The largest countries are:\n- China\n- Russia\n- Canada", false},
		{"The planets in order are Mercury, Venus, Earth.", "The planets in order are Venus, Earth, Mercury.", false},
		{"1. Run `a`\n2. Run `b`", "1. Run `b`\n2. Run `a`", false},
		{"1. `a`\n2. `b`", "1. `b`\n2. `a`", false},
		{"Use `a` to list and `b` to delete.", "Use `b` to list and `a` to delete.", false},
		{"1. -5\n2. 5", "1. 5\n2. -5", false},
		{"1. Press A\n2. Press B\n3. Press A", "1. Press B\n2. Press A\n3. Press B", false},
		{
			"Press the red button, then the blue button, then the red button.",
			"Press the blue button, then the red button, then the blue button.", false,
		},
		{
			"1. Guten Morgen, wie geht es\n2. Auf Wiedersehen, bis bald",
			"1. Auf Wiedersehen, bis bald\n2. Guten Morgen, wie geht es", false,
		},
		{"3. Kenya", "Kenya", false},
		{"3. Kenya", "2. Kenya", false},
		{"Monday: pasta\nTuesday: fish\nWednesday: rice", "Monday: rice\nTuesday: pasta\nWednesday: fish", false},
		{"Anna: 5\nBen: 6\nCarl: 7", "Anna: 6\nBen: 7\nCarl: 5", false},
		{"- Anna is a doctor\n- Ben is a lawyer\n- Carl is a baker", "- Anna is a lawyer\n- Ben is a baker\n- Carl is a doctor", false},
		{"Anna is a doctor, Ben is a lawyer and Carl is a baker.", "Anna is a lawyer, Ben is a baker and Carl is a doctor.", false},
		{"First Kenya, second Norway, third Peru.", "First Peru, second Kenya, third Norway.", false},
		{"Gold: Kenya, silver: Norway, bronze: Peru", "Gold: Peru, silver: Kenya, bronze: Norway", false},
		{
			"The events took place in this order: war, peace, election.",
			"The events took place in this order: election, war, peace.", false,
		},
		{"Heat the oil, then add the garlic.", "Add the garlic, then heat the oil.", false},
		{"Heat the oil, then add the garlic.", "Heat the oil and add the garlic.", true},
		{"Boil the water. After that, add the salt.", "Add the salt. After that, boil the water.", false},
		{"The process has three stages: mining, refining, casting.", "The process has three stages: refining, casting, mining.", false},
	})
}

var item = regexp.MustCompile(`(?m)^(\d+)([.)]) (.*)$`)

// permuted is an answer whose numbered list says its lines in another order, under the same numbers.
func permuted(s string, order func([]string) []string) string {
	var lines []string
	for _, m := range item.FindAllStringSubmatch(s, -1) {
		lines = append(lines, m[3])
	}
	lines = order(lines)
	return item.ReplaceAllStringFunc(s, func(m string) string {
		f := item.FindStringSubmatch(m)
		line := lines[0]
		lines = lines[1:]
		return f[1] + f[2] + " " + line
	})
}

// What a list with numbers says in another order is another answer, held against the list and
// against whatever agrees with it.
func TestOrderOfNumberedLists(t *testing.T) {
	orders := map[string]func([]string) []string{
		"reversed": func(l []string) []string { l = slices.Clone(l); slices.Reverse(l); return l },
		"rotated":  func(l []string) []string { return append(slices.Clone(l[1:]), l[0]) },
		"two exchanged": func(l []string) []string {
			l = slices.Clone(l)
			l[0], l[1] = l[1], l[0]
			return l
		},
		"the last two exchanged": func(l []string) []string {
			l = slices.Clone(l)
			l[len(l)-1], l[len(l)-2] = l[len(l)-2], l[len(l)-1]
			return l
		},
	}
	lists := 0
	for _, set := range []string{fitted, held, later} {
		for _, p := range labelled(t, set) {
			others := []string{p.a, p.b}
			for i, s := range others {
				if len(item.FindAllString(s, -1)) < 2 {
					continue
				}
				lists++
				against := []string{s, item.ReplaceAllString(s, "$3")}
				if p.same {
					against = append(against, others[1-i])
				}
				for name, order := range orders {
					for _, other := range against {
						if same, why := agree.Texts(permuted(s, order), other); same {
							t.Errorf("%s, %s: %q, %q", name, why, permuted(s, order), other)
						}
					}
				}
			}
		}
	}
	if lists < 30 {
		t.Errorf("%d lists", lists)
	}
}
