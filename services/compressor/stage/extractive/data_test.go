package extractive_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/extractive"
)

// sequence is so many letters of an alphabet, by a linear congruential generator.
func sequence(alphabet string, n int) string {
	var b strings.Builder
	for x := uint32(7); n > 0; n-- {
		x = x*1664525 + 1013904223
		b.WriteByte(alphabet[int(x>>16)%len(alphabet)])
	}
	return b.String()
}

// readings are so many numbers, with what stands between two.
func readings(n int, between string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d.%d%s", 20+i%9, i%10, between)
	}
	return b.String()
}

// Of what is no text nothing is left out: half a sequence, or half a series, answers nothing.
func TestApplyKeepsData(t *testing.T) {
	for name, text := range map[string]string{
		"digits":                   sequence("0123456789", 6000),
		"bits":                     sequence("01", 6000),
		"a gene":                   sequence("ACGT", 6000),
		"a protein":                sequence("ACDEFGHIKLMNPQRSTVWY", 6000),
		"one long name":            strings.Repeat("AlphaBrokerCatDog", 300),
		"a gene with its name":     "Gene Arx3 of the mouse:\n" + sequence("ACGT", 6000) + "\n",
		"a series":                 readings(1500, ", "),
		"a series with spaces":     readings(1500, " "),
		"a series behind its name": "Readings in degrees: " + readings(1500, ", "),
		"a few lines of series":    readings(400, ", ") + "\n" + readings(300, ", ") + "\n",
	} {
		for _, rate := range []float64{0.2, 0.5} {
			a := &prompt.Text{Original: text, Question: "What is the trend?", Kind: prompt.ToolResult}
			if apply(t, draft(t, rate, a)); a.Changed() {
				t.Errorf("%s, at %.1f: %d bytes of %d are left: %.60q", name, rate, len(a.Current()), len(text), a.Current())
			}
		}
	}
}

// Data within sentences goes or stays with them, and is not cut; a few numbers are a sentence's.
func TestApplyKeepsDataWhole(t *testing.T) {
	gene := sequence("ACGT", 900)
	text := strings.Repeat(mill+" ", 30) + "The gene of the carp is " + gene + ", as they say. " + strings.Repeat(river+" ", 30)
	for rate := 0.1; rate < 1; rate += 0.2 {
		for _, question := range []string{"When was the mill at Arden built?", "What is the gene of the carp?"} {
			a := &prompt.Text{Original: text, Question: question, Kind: prompt.ToolResult}
			apply(t, draft(t, rate, a))
			if got := a.Current(); !a.Changed() || strings.Contains(got, gene[:20]) != strings.Contains(got, gene) || strings.Contains(got, gene[880:]) != strings.Contains(got, gene) {
				t.Errorf("at %.1f: %q", rate, got)
			}
		}
	}
	for _, text := range []string{
		strings.Repeat("In 1742, 1743 and 1744 the mill at Arden had 3, 4 and 5 wheels. ", 20),
		strings.Repeat("It cost 12, 13, 14, 15, 16 and 17 crowns in the years 1742, 1743, 1744, 1745, 1746 and 1747. ", 20),
	} {
		a := &prompt.Text{Original: text, Question: "mill"}
		if apply(t, draft(t, 0.3, a)); !a.Changed() {
			t.Errorf("sentences with numbers stay: %.60q", text)
		}
	}
}

// Documents that begin alike are no table: each of their sentences is chosen by itself, and what was
// asked for stays.
func TestDocumentsAreNoTable(t *testing.T) {
	var documents strings.Builder
	for n := 1; n <= 8; n++ {
		fmt.Fprintf(&documents, "\nDocument [%d](Title: Town %d)", n, n)
		for i := range 12 {
			fmt.Fprintf(&documents, " The town has a mill that its people built in %d for the other one of it. The weir is of stone and %d feet wide.", 1700+n*7+i, n*31+i)
		}
	}
	text := "The drug Zorvan is approved. It is widely used. However, it must not be given to children. " + documents.String() + " Exception: patients under 12 are excluded."
	a := &prompt.Text{Original: text, Question: "Can I give Zorvan to my child?", Kind: prompt.ToolResult}
	if g := extractive.Guard(text, a.Question); len(g.Keep)+len(g.Lines) > 0 {
		t.Errorf("held are %v and lines %v", g.Keep, g.Lines)
	}
	apply(t, draft(t, 0.5, a))
	for _, want := range []string{"The drug Zorvan is approved.", "However, it must not be given to children."} {
		if !strings.Contains(a.Current(), want) {
			t.Errorf("%q is left out of %.300q", want, a.Current())
		}
	}
	if n := tokensOf(t, a); 2*n > a.Size || 20*n < 9*a.Size {
		t.Errorf("%d of %d tokens are left", n, a.Size)
	}
}
