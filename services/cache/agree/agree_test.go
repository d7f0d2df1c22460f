package agree_test

import (
	_ "embed"
	"math"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/cache/agree"
)

// Pairs of answers, by whether they say the same: in fitted.tsv those that the package was
// written with; in held.tsv those that were written after it, before its rules for order, values and
// reserves; in later.tsv those that were written after these, to find what they don't see. Nothing was
// fitted to the last.
var (
	//go:embed testdata/fitted.tsv
	fitted string
	//go:embed testdata/held.tsv
	held string
	//go:embed testdata/later.tsv
	later string
)

type pair struct {
	kind, a, b string
	same       bool
}

// unescape within a field: a tab parts fields, and an end of line pairs.
var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t")

func labelled(t testing.TB, set string) (all []pair) {
	t.Helper()
	for line := range strings.Lines(set) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 4 || f[1] != "same" && f[1] != "different" {
			t.Fatalf("no pair: %q", line)
		}
		all = append(all, pair{kind: f[0], same: f[1] == "same", a: unescape.Replace(f[2]), b: unescape.Replace(f[3])})
	}
	return all
}

// errors of a set: pairs that say the same and are not seen to, and pairs that differ and are
// taken to agree.
type errors struct{ same, lost, different, missed int }

func measure(t *testing.T, set string) (all errors, kinds map[string]*errors) {
	t.Helper()
	kinds = map[string]*errors{}
	for _, p := range labelled(t, set) {
		if kinds[p.kind] == nil {
			kinds[p.kind] = &errors{}
		}
		same, why := agree.Texts(p.a, p.b)
		if again, and := agree.Texts(p.b, p.a); again != same {
			t.Errorf("%s one way, %s the other: %q, %q", why, and, p.a, p.b)
		}
		for _, e := range []*errors{&all, kinds[p.kind]} {
			switch {
			case p.same && same:
				e.same++
			case p.same:
				e.same++
				e.lost++
			case same:
				e.different++
				e.missed++
			default:
				e.different++
			}
		}
		if same != p.same && testing.Verbose() {
			t.Logf("%s, %s: %q, %q", p.kind, why, p.a, p.b)
		}
	}
	return all, kinds
}

// What docs/02 says of the errors of package agree.
func TestErrorsAreAsMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		set                 string
		same, lost          int
		different, mistaken int
	}{
		"fitted": {fitted, 235, 49, 344, 2},
		"held":   {held, 55, 11, 113, 1},
		"later":  {later, 21, 4, 64, 5},
	} {
		all, kinds := measure(t, c.set)
		for kind, e := range kinds {
			t.Logf("%s %s: %+v", name, kind, *e)
		}
		if want := (errors{c.same, c.lost, c.different, c.mistaken}); all != want {
			t.Errorf("%s: %+v, want %+v", name, all, want)
		}
	}
}

// What learning allows for is no less than what the later pairs leave open: the upper limit of the
// share that is missed, at 95 % confidence (Clopper and Pearson).
func TestMissedAtMost(t *testing.T) {
	all, _ := measure(t, later)
	// of is the probability that no more are missed if each is with probability p.
	of := func(p float64) (sum float64) {
		term := math.Pow(1-p, float64(all.different))
		for k := range all.missed + 1 {
			sum += term
			term *= p / (1 - p) * float64(all.different-k) / float64(k+1)
		}
		return sum
	}
	if got := of(agree.MissedAtMost); got > 0.05 {
		t.Errorf("if %v were missed, that no more than %d of %d are would have the probability %v", agree.MissedAtMost, all.missed, all.different, got)
	}
}

func chat(message, finish string) []byte {
	return []byte(`{"object":"chat.completion","id":"x","choices":[{"index":0,"finish_reason":"` + finish + `","message":` + message + `}]}`)
}

func TestAnswers(t *testing.T) {
	call := func(id, name, arguments string) string {
		return `{"role":"assistant","content":null,"tool_calls":[{"id":"` + id + `","type":"function","function":{"name":"` + name + `","arguments":` + arguments + `}}]}`
	}
	const paris, rome = `{"role":"assistant","content":"The capital is Paris."}`, `{"role":"assistant","content":"The capital is Rome."}`
	for name, c := range map[string]struct {
		a, b []byte
		same bool
		why  agree.Reason
	}{
		"the same text":         {chat(paris, "stop"), chat(paris, "stop"), true, agree.Equal},
		"another text":          {chat(paris, "stop"), chat(rome, "stop"), false, agree.Names},
		"text parts":            {chat(paris, "stop"), chat(`{"content":[{"type":"text","text":"The capital "},{"type":"text","text":"is Paris."}]}`, "stop"), true, agree.Equal},
		"other parts":           {chat(paris, "stop"), chat(`{"content":[{"type":"audio"}]}`, "stop"), false, agree.Unreadable},
		"a refusal":             {chat(paris, "stop"), chat(`{"content":null,"refusal":"I'm sorry, I can't help with that."}`, "stop"), false, agree.Verdict},
		"cut":                   {chat(paris, "stop"), chat(paris, "length"), false, agree.Unreadable},
		"filtered":              {chat(paris, "content_filter"), chat(paris, "content_filter"), false, agree.Unreadable},
		"no answer":             {chat(paris, "stop"), nil, false, agree.Unreadable},
		"an error":              {chat(paris, "stop"), []byte(`{"error":{"code":"x"}}`), false, agree.Unreadable},
		"nothing said":          {chat(`{"content":""}`, "stop"), chat(`{"content":""}`, "stop"), false, agree.Unreadable},
		"the same call":         {chat(call("1", "f", `"{\"a\":1,\"b\":2}"`), "tool_calls"), chat(call("2", "f", `"{\"b\": 2, \"a\": 1}"`), "tool_calls"), true, agree.Equal},
		"another function":      {chat(call("1", "f", `"{}"`), "tool_calls"), chat(call("1", "g", `"{}"`), "tool_calls"), false, agree.Calls},
		"other arguments":       {chat(call("1", "f", `"{\"a\":1}"`), "tool_calls"), chat(call("1", "f", `"{\"a\":2}"`), "tool_calls"), false, agree.Calls},
		"a call and a text":     {chat(call("1", "f", `"{}"`), "tool_calls"), chat(paris, "stop"), false, agree.Calls},
		"arguments are no JSON": {chat(call("1", "f", `"x"`), "tool_calls"), chat(call("1", "f", `"x"`), "tool_calls"), false, agree.Calls},
	} {
		if same, why := agree.Answers(c.a, c.b); same != c.same || why != c.why {
			t.Errorf("%s: %t, %s, want %t, %s", name, same, why, c.same, c.why)
		}
	}
	two := []byte(`{"choices":[{"message":` + paris + `},{"message":` + rome + `}]}`)
	if same, _ := agree.Answers(two, two); !same {
		t.Error("two choices don't agree with themselves")
	}
	if same, _ := agree.Answers(two, chat(paris, "stop")); same {
		t.Error("two choices agree with one")
	}
}

// FuzzTexts: whatever two answers say, it makes no difference which is which, and each agrees with
// itself.
func FuzzTexts(f *testing.F) {
	for line := range strings.Lines(fitted) {
		if p := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(p) == 4 {
			f.Add(unescape.Replace(p[2]), unescape.Replace(p[3]))
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		same, why := agree.Texts(a, b)
		if again, and := agree.Texts(b, a); again != same {
			t.Fatalf("%s one way, %s the other", why, and)
		}
		if !slices.Contains(agree.Reasons(), why) {
			t.Fatalf("reason %q", why)
		}
		if same, _ := agree.Texts(a, a); !same && strings.TrimSpace(a) != "" {
			t.Fatal("it doesn't agree with itself")
		}
	})
}

// The longest texts that are read: the same sentences in another order, so that nothing tells
// them apart early.
func BenchmarkLongest(b *testing.B) {
	var lines []string
	for _, p := range labelled(b, fitted) {
		if len(strings.Fields(strings.Join(lines, " "))) < 900 && !strings.ContainsAny(p.a, "`{[\n") {
			lines = append(lines, "- "+p.a)
		}
	}
	one := strings.Join(lines, "\n")
	slices.Reverse(lines)
	other := strings.Join(lines, "\n")
	for b.Loop() {
		agree.Texts(one, other)
	}
}

func BenchmarkTexts(b *testing.B) {
	var long pair
	for line := range strings.Lines(fitted) {
		if p := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(p) == 4 && p[0] == "long" && len(p[2]) > len(long.a) {
			long = pair{a: unescape.Replace(p[2]), b: unescape.Replace(p[3])}
		}
	}
	b.SetBytes(int64(len(long.a) + len(long.b)))
	for b.Loop() {
		agree.Texts(long.a, long.b)
	}
}
