package canon

import (
	"slices"
	"strings"
	"unicode"
)

// small words tie others together; which of them does is a matter of taste: an engine's ratio,
// the ratio in an engine.
var small = words("of in on at for is have be that it there some")

// tying words say how what follows them belongs to the rest, and stay with it.
var tying = words("from to with without by about before after over under against between into through during since until " +
	"as than like near not no")

// free are the frames of questions in which no two can change places: nobody does something
// to somebody in "the best institute for X".
var free = words("HOW WHICH WHERE DIFFERENCE OPINION EXAMPLES COST PURPOSE ADVANTAGES DISADVANTAGES HOWLONG")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// fewest words must be left for a loose form to say enough.
const fewest = 2

// loosen makes the loose form of pieces.
func loosen(f *Form, frame string) string {
	out := make([]string, 0, len(f.pieces))
	signs, numbers := false, 0
	for i := 0; i < len(f.pieces); i++ {
		w := f.piece(i)
		if w[0] == '#' && len(w) > 1 {
			numbers++
		}
		signs = signs || w == "minus" || strings.IndexFunc(w, alphanumeric) < 0
		switch {
		case w == ".": // of several sentences none may change places
			return ""
		case w == "some" && frame != "WHY":
		case i > 0 && small[w]:
			continue
		case tying[w] && i+1 < len(f.pieces):
			i++
			for i+1 < len(f.pieces) && small[f.piece(i)] {
				i++
			}
			out = append(out, w+":"+f.piece(i))
			continue
		}
		out = append(out, w)
	}
	if len(out) < fewest+1 {
		return ""
	}
	// 7 - 2 is not 2 - 7, nor are three rooms and two baths two rooms and three baths.
	if signs || numbers > 1 {
		return strings.Join(out, " ")
	}
	if free[frame] || frame == "what" && len(f.pieces) > 1 && f.piece(1) == "is" && !slices.Contains(out, "your") {
		slices.Sort(out[1:])
	}
	return strings.Join(out, " ")
}

func alphanumeric(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
