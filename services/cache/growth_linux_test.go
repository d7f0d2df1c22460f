//go:build !race

package cache_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/bench/measure"
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// hostile are what texts are made of that a search without a memory would go over again and again.
var hostile = []string{
	",", ".", "?", "!", ";", ":", "…", "-", "--", "—", "/", "|", "~", "^", "&", "*", "+", "@", "#", "$", "%", "_", "•", "€", "²", "½",
	"(", ")", "[", "{", "()", ")(", "( ", ") ", "( ( ) ", "(a) ", "(and ", "( and ) ", "(1 ", "(1) ", ".(1)", "(1 + ", "[1, ", strings.Repeat("(", 40) + "1 x)", strings.Repeat("[ ", 30) + "1 x)",
	"\"", "'", "`", "\" ", "' ", "\"a\" ", "'a, ", "\"a, ", "\" ' ` ", "`a` ", "“", "s' ", "a'", "n't", "it's ", "ab'c",
	"1", "1,", "1.", "1.1", "1:", "1/", "1-", "1,000,", "$1", "1 ", "1%", ".1", "5 - ", "5--", "trillion ", "twenty ", "rs1", "0",
	"a", "a ", "x.", "a. ", "x.y.", "a.b ", "u.s.", "a&b ", "a_b ", "a-", "c++ ", "ʰ", "ʰ²", "ₙ", "Ⅰ", "①", "\ufdfa", "℀ ", "㏂ ",
	" ", "\t", "\u00a0", "\u2003", "\u200b", "\n", "\u0301", "e\u0301 ", "\u0300\u0301", "é ", "résumé ", "résumé bébé ", "ﬁ", "２", "ß",
	" ?", " , a", "! a ", ". a ", "?! ", "x?. ", ":) ", ": ", " . ", "./", "/a ", "*a ", "cd ", "run . ",
	"not not ", "and and ", "the the ", "and the ", "a and ", "that is ", "what is ", "how do I ", "of ", "to ", "is ", "some ", "please ", "really ",
	"good, ", "cats and dogs ", "cat of ", "one's hair ", "going to be ", "is going to be ", "tallest ", "your hair ", "Paris and London ", "united states ",
	"timetravel ", "bake bread ", "baked by ", "before ", "up ", "if ", "colour ", "xqz ", "abcdefghij", "runningly", "A", "Ab ", "AA ", "A b? ",
	"中", "日本 ", "あ", "я ", "α ", "ا", "😀", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧 ", "🇫🇷", "\u200d", "\ufe0f",
}

// repeated is a text of about a size.
func repeated(head, part string, size int) string {
	return strings.ToValidUTF8((head + strings.Repeat(part, size/len(part)+1))[:size], "")
}

// growing is how many times as long a text becomes, and mostGrowth how many times as long its reading may
// then take: about 4 where that is linear, 16 where it is quadratic.
const growing, mostGrowth = 4, 8

// No question takes more to read, to bring into a form and to compare than its length. Of the words of two
// texts a rule may compare each with each, for there are few; but not for each pair of them all others.
func TestHostileQuestionsTakeNoLonger(t *testing.T) {
	const ordinary = "Why does the loaf of bread that I baked in a small oven with two trays rise so much higher on the left than on the right, " +
		"and should Anna turn it after twenty minutes or leave the door of the oven open until the crust has become dark? "
	const mostTimes = 10
	legible, worth := least(read(repeated("", ordinary, cache.MaxQuestionBytes)), 20), pairTime(ordinary, 20)
	for _, head := range []string{"", "how do I bake N loaves of bread "} {
		for _, part := range hostile {
			less, more := repeated(head, part, cache.MaxQuestionBytes/growing), repeated(head, part, cache.MaxQuestionBytes)
			if x := growth(read, less, more); x > mostGrowth {
				t.Errorf("%.1f times as long for four times as much to read of %q", x, part)
			}
			if x := times(func(rounds int) time.Duration { return least(read(more), rounds) }, legible, mostTimes); x > mostTimes {
				t.Errorf("%.1f times as long as for an ordinary text to read %q", x, part)
			}
			text := prose(head+strings.Repeat(part, 1+cache.MaxQuestionBytes/len(part)), cache.MaxQuestionBytes)
			less = text[:len(text)/growing]
			if x := growth(formed, strings.ToValidUTF8(less, ""), text); x > mostGrowth {
				t.Errorf("%.1f times as long for the form of four times as much of %q", x, part)
			}
			if x := times(func(rounds int) time.Duration { return pairTime(text, rounds) }, worth, mostTimes); x > mostTimes {
				t.Errorf("%.1f times as long as for an ordinary text to compare %q", x, part)
			}
		}
	}
}

// prose is the longest beginning of a text that is none too long to be read.
func prose(text string, size int) string {
	for n := size; n > 0; n -= 1 + n/16 {
		if cut := strings.ToValidUTF8(text[:min(n, len(text))], ""); reading.Read(cut).Manner != reading.Long {
			return cut
		}
	}
	return ""
}

func read(text string) func() { return func() { reading.Read(text) } }

// times is how many times as long as an ordinary text something takes. What is too much is measured more often
// before it is told.
func times(took func(rounds int) time.Duration, ordinary time.Duration, most float64) (x float64) {
	for _, rounds := range []int{1, 5, 20} {
		if x = float64(took(rounds)) / float64(ordinary); x <= most {
			break
		}
	}
	return x
}

func formed(text string) func() {
	r, other := reading.Read(text), canon.Of(reading.Read(text+"a"))
	return func() {
		f := canon.Of(r)
		for range f.Near() {
			continue
		}
		canon.Same(f, other)
	}
}

// pairTime is how long the veto takes at the most for a text and others of the same words.
func pairTime(text string, rounds int) (most time.Duration) {
	words := strings.Fields(text)
	a := reading.Read(text)
	for _, other := range []string{
		text + " zebra", strings.Join(words[min(1, len(words)):], " "), strings.Join(words[len(words)/2:], " ") + " dog " + strings.Join(words[:len(words)/2], " "),
		strings.Repeat("is the river of stone before a dog ", 18),
	} {
		b := reading.Read(other)
		most = max(most, least(func() { veto.All(a, b) }, rounds))
	}
	return most
}

// growth is how many times as long something takes for the longer of two texts. What is too much is measured
// more often before it is told, for others use the machine, too.
func growth(prepare func(text string) func(), less, more string) (x float64) {
	const floor = 100 * time.Microsecond // what takes less is measured too badly to be compared
	for _, rounds := range []int{1, 5, 20} {
		x = float64(least(prepare(more), rounds)) / float64(max(least(prepare(less), rounds), floor))
		if x <= mostGrowth {
			break
		}
	}
	return x
}

// least is the least time of its thread that something takes.
func least(run func(), rounds int) (took time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range rounds {
		before := measure.ThreadTime()
		run()
		if t := measure.ThreadTime() - before; i == 0 || t < took {
			took = t
		}
	}
	return took
}
