package spelling

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"routing_strategy", "num_retries", "max_spend", "timeout", "order"}
	for _, c := range []struct{ word, want string }{
		{"routing_stratgy", "routing_strategy"},
		{"routingStrategy", "routing_strategy"},
		{"maxSpend", "max_spend"},
		{"timoeut", "timeout"}, // neighbours swapped
		{"ordre", "order"},
		{"colour", ""},
		{"", ""},
	} {
		if got := Nearest(c.word, keys); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
