package prompt_test

import (
	_ "embed"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

//go:embed testdata/requests.tsv
var requests string

// The least of what is held: of the requests that take all of what is given, the share that has it
// (recall), and of those that have it the share that needs it (precision).
const (
	leastRecall    = 0.98
	leastPrecision = 0.95
)

// What takes all of a text is told by the form of what is asked, whatever terms it shares.
func TestRequests(t *testing.T) {
	words := "The mill stands by the river, and is older than the town. Mühle moulin molino mulino moinho molen młyn мельница 磨坊 水車小屋. The lamp: Lampe phare faro farol latarnia маяк 灯塔. "
	given := "Document [1] " + strings.Repeat(words, 12) + "\n\nDocument [2] " + strings.Repeat(words, 12) + "\n\n"
	var found, missed, needless int
	for line := range strings.Lines(requests) {
		label, request, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		p, err := prompt.Parse(t.Context(), user(t, given+request))
		if err != nil || len(p.Texts) == 0 {
			t.Fatalf("%s: nothing is given: %v", request, err)
		}
		switch stays := p.Texts[0].Locked; {
		case label == "whole" && stays:
			found++
		case label == "whole":
			missed++
			t.Logf("may be shortened: %s", request)
		case stays:
			needless++
			t.Logf("stays without need: %s", request)
		}
	}
	recall, precision := float64(found)/float64(found+missed), float64(found)/float64(found+needless)
	t.Logf("recall %.3f, precision %.3f", recall, precision)
	if recall < leastRecall || precision < leastPrecision {
		t.Errorf("recall %.3f, precision %.3f; want %.2f and %.2f at least", recall, precision, leastRecall, leastPrecision)
	}
}
