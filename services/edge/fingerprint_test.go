package edge

import (
	"bytes"
	"encoding/json"
	"flag"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
)

func TestFingerprint(t *testing.T) {
	of := func(body string) [32]byte {
		t.Helper()
		var req chatRequest
		if err := req.parse([]byte(body)); err != nil {
			t.Fatal(err)
		}
		return req.digest().fingerprint
	}
	base := of(`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0}`)
	for _, same := range []string{
		`{"temperature":0,"messages":[{"role":"user","content":"a b"}],"model":"m"}`,
		"{ \"model\" : \"m\",\n\"messages\": [ {\"role\": \"user\", \"content\": \"a b\"} ], \"temperature\": 0 }",
		`{"model":"m","messages":[{ "content":"a b", "role":"user" }],"temperature":0}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"user":"u","metadata":{"a":"b"},"cache":{"ttl":1}}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"timeout":5,"caching":false,"num_retries":2,"litellm_x":1}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`,
	} {
		if of(same) != base {
			t.Errorf("%s should be the same request", same)
		}
	}
	for _, other := range []string{
		`{"model":"n","messages":[{"role":"user","content":"a b"}],"temperature":0}`,
		`{"model":"m","messages":[{"role":"user","content":"a  b"}],"temperature":0}`,
		`{"model":"m","messages":[{"role":"system","content":"a b"}],"temperature":0}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":1}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}]}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"seed":1}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"tools":[]}`,
		`{"model":"m","messages":[{"role":"user","content":"a\u0020b"}],"temperature":0}`,
		`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0.0}`,
	} {
		if of(other) == base {
			t.Errorf("%s should be another request", other)
		}
	}
	// What shortens the prompt changes the answer, whether a header or the body asks for it.
	var req chatRequest
	if err := req.parse([]byte(`{"model":"m","messages":[{"role":"user","content":"a b"}],"temperature":0,"compress":"rag"}`)); err != nil {
		t.Fatal(err)
	}
	if req.digest().fingerprint != base || req.digest(setting{"compress", "rag"}).fingerprint == base || req.digest(setting{"compress", "rag"}).fingerprint == req.digest(setting{"compress", "chat"}).fingerprint {
		t.Error("a profile does not tell requests apart")
	}
}

// TestQuestion tells which requests have a question, and what it is.
func TestQuestion(t *testing.T) {
	long := strings.Repeat("é", maxQuestionBytes/2)
	for message, want := range map[string]string{
		`{"role":"user","content":"Why?"}`:                                                                     `"Why?"`,
		`{"content" : "Why?" , "role" : "user", "name":"n"}`:                                                   `"Why?"`,
		`{"role":"us\u0065r","content":"\u0057hy?"}`:                                                           `"\u0057hy?"`,
		`{"role":"user","content":[{"type":"text","text":"Why?"}]}`:                                            `"Why?"`,
		`{"role":"user","content":[ {"cache_control":{"type":"ephemeral"},"text":"Why?","type":"text"} ]}`:     `"Why?"`,
		`{"role":"user","content":"` + long + `"}`:                                                             `"` + long + `"`,
		`{"role":"user","content":"` + strings.Repeat(`\u00e9`, maxQuestionBytes/2) + `"}`:                     `"` + strings.Repeat(`\u00e9`, maxQuestionBytes/2) + `"`,
		`{"role":"user","content":"` + long + `."}`:                                                            ``,
		`{"role":"user","content":"` + strings.Repeat(`\u0041`, maxQuestionBytes+1) + `"}`:                     ``,
		`{"role":"user","content":""}`:                                                                         ``,
		`{"role":"user","content":null}`:                                                                       ``,
		`{"role":"user","content":7}`:                                                                          ``,
		`{"role":"user"}`:                                                                                      ``,
		`{"role":"user","content":[]}`:                                                                         ``,
		`{"role":"user","content":["Why?"]}`:                                                                   ``,
		`{"role":"user","content":{"type":"text","text":"Why?"}}`:                                              ``,
		`{"role":"user","content":[{"type":"text","text":"Why?"},{"type":"text","text":"How?"}]}`:              ``,
		`{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{}}]}`: ``,
		`{"role":"user","content":[{"type":"input_audio","text":"Why?"}]}`:                                     ``,
		`{"role":"user","content":[{"text":"Why?"}]}`:                                                          ``,
		`{"role":"user","content":[{"type":"text","text":["Why?"]}]}`:                                          ``,
		`{"role":"assistant","content":"Why?"}`:                                                                ``,
		`{"role":"tool","content":"Why?","tool_call_id":"1"}`:                                                  ``,
		`{"role":"User","content":"Why?"}`:                                                                     ``,
		`{"content":"Why?"}`:                                                                                   ``,
		`"Why?"`:                                                                                               ``,
		`{}`:                                                                                                   ``,
		`{"role":"user","role":"tool","content":"Why?"}`:                                                       ``,
		`{"role":"user","content":"Why?","content":"How?"}`:                                                    ``,
		`{"role":"user","content":"Why?","c\u006fntent":"How?"}`:                                               ``,
		`{"role":"user","content":[{"type":"text","text":"Why?","t\u0065xt":"How?"}]}`:                         ``,
		`{"role":"user","content":"Why \ud800?"}`:                                                              ``,
		`{"role":"user","content":"Why \ufffd?"}`:                                                              ``,
		`{"role":"user","content":"Why \ud83d\ude00?"}`:                                                        `"Why \ud83d\ude00?"`,
	} {
		for name, messages := range map[string]string{
			"alone": `[` + message + `]`, "last": `[{"role":"system","content":"Be exact."},{"role":"user","content":"Hi"},` + message + ` ]`,
		} {
			var req chatRequest
			if err := req.parse([]byte(`{"model":"m","messages":` + messages + `}`)); err != nil {
				t.Fatal(err)
			}
			if got := string(req.digest().question); got != want {
				t.Errorf("%s, %s: the question is %.60q, want %.60q", message, name, got, want)
			}
		}
	}
}

// TestBare tells when a question is all that the model is told.
func TestBare(t *testing.T) {
	const alone = `"model":"m","messages":[{"role":"user","content":"How do you reset a router?"}]`
	for body, want := range map[string]bool{
		`{` + alone + `}`: true,
		`{"messages":[{"content":[{"type":"text","text":"How do you reset a router?"}],"role":"user"}],"model":"m"}`:                  true,
		`{` + alone + `,"temperature":0,"stop":["x"],"seed":1,"user":"u","metadata":{"a":"b"},"stream":true,"cache":{"tier":"near"}}`: true,
		`{` + alone + `,"tools":[{"type":"function","function":{"name":"refund"}}]}`:                                                  false,
		`{` + alone + `,"tools":[]}`:                               false,
		`{` + alone + `,"functions":[{"name":"refund"}]}`:          false,
		`{` + alone + `,"response_format":{"type":"json_object"}}`: false,
		`{` + alone + `,"system":"You are Acme's."}`:               false,
		`{` + alone + `,"x":null}`:                                 false,
		`{"model":"m","messages":[{"role":"system","content":"You are Acme's."},{"role":"user","content":"How?"}]}`:                         false,
		`{"model":"m","messages":[{"role":"developer","content":"You are Acme's."},{"role":"user","content":"How?"}]}`:                      false,
		`{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Acme."},{"role":"user","content":"How?"}]}`: false,
		`{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"user","content":"How?"}]}`:                                        false,
	} {
		var req chatRequest
		if err := req.parse([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if got := req.digest().bare; got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// oracle says in the slow and plain way what digest says of a request: in canon two requests
// are the same or not, in context they are so but for the question, if there is one.
type oracle struct{ canon, context, question string }

func ask(req *chatRequest) oracle {
	at := questionAt(req.body)
	o := oracle{canon: canonical(req.body, 0, -1, true), context: canonical(req.body, 0, at, true)}
	if at >= 0 {
		o.question = string(req.body[at:jsonscan.StringEnd(req.body, at)])
	}
	return o
}

// canonical writes a value without white space, its members in their order, and without the
// value at an offset.
func canonical(raw []byte, start, omit int, top bool) string {
	inner := raw[start:]
	v, _ := jsonscan.Scan(inner)
	if start+v.Start == omit {
		return "omitted"
	}
	var parts []string
	switch v.Kind {
	case jsonscan.KindArray:
		_ = jsonscan.ScanArray(inner, func(_ int, v jsonscan.Value) error {
			parts = append(parts, canonical(raw[:start+v.End], start+v.Start, omit, false))
			return nil
		})
		return "[" + strings.Join(parts, ",") + "]"
	case jsonscan.KindObject:
		type member struct{ key, value string }
		var members []member
		_ = jsonscan.ScanObject(inner, func(m jsonscan.Member) error {
			key := string(inner[m.KeyStart:jsonscan.StringEnd(inner, m.KeyStart)])
			if top {
				if notInFingerprint(string(m.Key)) {
					return nil
				}
				key = strconv.Quote(string(m.Key))
			}
			members = append(members, member{key, canonical(raw[:start+m.ValueEnd], start+m.ValueStart, omit, false)})
			return nil
		})
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
		for _, m := range members {
			parts = append(parts, m.key+":"+m.value)
		}
		return "{" + strings.Join(parts, ",") + "}"
	default:
		return string(inner[v.Start:v.End])
	}
}

// questionAt is where a request's question begins, below 0 without one.
func questionAt(body []byte) int {
	messages, _ := jsonscan.Lookup(body, "messages")
	last := jsonscan.Value{Start: -1}
	_ = jsonscan.ScanArray(messages.Raw(body), func(_ int, v jsonscan.Value) error {
		last = jsonscan.Value{Start: messages.Start + v.Start, End: messages.Start + v.End, Kind: v.Kind}
		return nil
	})
	if !only(body, last, "role", `"user"`) {
		return -1
	}
	text, ok := memberAt(body, last, "content")
	if ok && text.Kind == jsonscan.KindArray {
		var parts []json.RawMessage
		if json.Unmarshal(text.Raw(body), &parts) != nil || len(parts) != 1 {
			return -1
		}
		part, _ := jsonscan.Lookup(text.Raw(body), "0")
		part.Start, part.End = part.Start+text.Start, part.End+text.Start
		if !only(body, part, "type", `"text"`) {
			return -1
		}
		text, ok = memberAt(body, part, "text")
	}
	var said string
	if !ok || text.Kind != jsonscan.KindString || json.Unmarshal(text.Raw(body), &said) != nil ||
		said == "" || len(said) > maxQuestionBytes || strings.ContainsRune(said, utf8.RuneError) {
		return -1
	}
	return text.Start
}

// only tells whether an object has one member of a name, which says what is wanted.
func only(body []byte, object jsonscan.Value, name, want string) bool {
	v, ok := memberAt(body, object, name)
	var got, wanted any
	return ok && json.Unmarshal(v.Raw(body), &got) == nil && json.Unmarshal([]byte(want), &wanted) == nil && got == wanted
}

func memberAt(body []byte, object jsonscan.Value, name string) (found jsonscan.Value, ok bool) {
	if object.Kind != jsonscan.KindObject {
		return found, false
	}
	n, escaped := 0, false
	_ = jsonscan.ScanObject(object.Raw(body), func(m jsonscan.Member) error {
		spelled := object.Raw(body)[m.KeyStart:jsonscan.StringEnd(object.Raw(body), m.KeyStart)]
		escaped = escaped || bytes.ContainsRune(spelled, '\\')
		if string(m.Key) == name {
			n++
			found = jsonscan.Value{Start: object.Start + m.ValueStart, End: object.Start + m.ValueEnd, Kind: m.Kind}
		}
		return nil
	})
	return found, n == 1 && !escaped
}

// check holds a digest against the oracle, and two of them against each other.
func check(t *testing.T, a, b *chatRequest) {
	t.Helper()
	x, y := ask(a), ask(b)
	p, q := a.digest(), b.digest()
	if string(p.question) != x.question || string(q.question) != y.question {
		t.Fatalf("questions %q and %q, want %q and %q:\n%s\n%s", p.question, q.question, x.question, y.question, a.body, b.body)
	}
	if (p.fingerprint == q.fingerprint) != (x.canon == y.canon) {
		t.Fatalf("the fingerprint takes these for the same: %v\n%s\n%s", p.fingerprint == q.fingerprint, a.body, b.body)
	}
	if p.context == q.context && p.bare != q.bare {
		t.Fatalf("one context, and only one of these is bare:\n%s\n%s", a.body, b.body)
	}
	if (p.context == q.context) != (x.context == y.context) {
		t.Fatalf("the context takes these for the same: %v\n%s\n%s", p.context == q.context, a.body, b.body)
	}
}

var pairs = flag.Int("pairs", 5_000, "how many pairs of requests TestDigestsTellRequestsApart makes")

// TestDigestsTellRequestsApart compares requests with what became of them by a change at any
// place, of what they say or of how it is spelled: the fingerprint is equal for the same
// request alone, and the context for those that differ in the last user's text alone. No two
// of all that were made have a fingerprint in common.
func TestDigestsTellRequestsApart(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, uint64(*pairs))) //nolint:gosec // the same requests in every run
	seed := maphash.MakeSeed()
	seen := make(map[[32]byte]uint64, 2**pairs)
	var changed, asked, sameContext, same int
	for n := 0; n < *pairs; {
		first := aRequest(rnd)
		var a, b chatRequest
		if a.parse([]byte(first)) != nil || b.parse(mutate(rnd, []byte(first))) != nil {
			continue
		}
		n++
		check(t, &a, &b)
		p, q := a.digest(), b.digest()
		for _, r := range []*chatRequest{&a, &b} {
			canon := maphash.String(seed, canonical(r.body, 0, -1, true))
			fingerprint := r.digest().fingerprint
			if before, ok := seen[fingerprint]; ok && before != canon {
				t.Fatalf("two requests have one fingerprint, this and an earlier one:\n%s", r.body)
			}
			seen[fingerprint] = canon
		}
		switch {
		case p.fingerprint == q.fingerprint:
			same++
		case p.context == q.context:
			sameContext++
		default:
			changed++
		}
		if p.question != nil && q.question != nil {
			asked++
		}
	}
	t.Logf("%d pairs, %d of two questions: %d the same request, %d another text, %d another context", *pairs, asked, same, sameContext, changed)
	for name, n := range map[string]int{"the same": same, "another text": sameContext, "another context": changed, "two questions": asked} {
		if n < *pairs/50 {
			t.Errorf("%d of %d pairs are %s: too few to tell", n, *pairs, name)
		}
	}
}

// aRequest is some request, compact or not.
func aRequest(rnd *rand.Rand) string {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	text := func() string {
		return pick(`"Hi"`, `"Why is the sky blue?"`, `"a \u0062 c"`, `"\n\"x\""`, `"Größe 5"`, `""`, `"[]"`, `"{\"a\":1}"`, `"\ud83d\ude00"`, `"1"`)
	}
	space := pick("", "", " ", "\n\t")
	content := func() string {
		return pick(text(), text(), `[{"type":"text",`+space+`"text":`+text()+`}]`, `[{"type":"text","text":`+text()+`},{"text":`+text()+`,"type":"text"}]`)
	}
	var messages []string
	for range 1 + rnd.IntN(3) {
		role := pick(`"user"`, `"user"`, `"assistant"`, `"system"`)
		more := pick("", "", `,"name":"n"`, `,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]`)
		messages = append(messages, pick(
			`{"role":`+role+`,"content":`+content()+more+`}`, `{`+space+`"content":`+space+content()+`,"role":`+role+more+`}`))
	}
	members := []string{
		`"model":` + pick(`"m"`, `"n"`), `"messages":` + space + `[` + strings.Join(messages, space+","+space) + space + `]`,
	}
	for _, m := range []string{
		`"temperature":` + pick("0", "0.0", "1", "1e0"), `"n":` + pick("1", "2"), `"tools":[{"type":"function","function":{"name":"f","parameters":{"b":1,"a":[]}}}]`,
		`"seed":7`, `"stop":["a","b"]`, `"response_format":{"type":"json_object"}`, `"user":"u"`, `"metadata":{"a":"b"}`, `"stream":true`,
		`"logprobs":true`, `"x":null`, `"":` + pick(`""`, `"x"`, `[]`, `{"":{}}`),
	} {
		if rnd.IntN(4) == 0 {
			members = append(members, m)
		}
	}
	rnd.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + space + strings.Join(members, space+",") + "}"
}

// mutate changes a request at some place, or writes it in another way.
func mutate(rnd *rand.Rand, body []byte) []byte {
	body = slices.Clone(body)
	i := rnd.IntN(len(body))
	pieces := []string{`1`, `a`, `"`, ` `, `\\u0061`, `[]`, `,`, `,0`, `{}`, `null`, `:`, `"role":"user",`, `é`, `e`, `.0`, `\\`}
	piece := pieces[rnd.IntN(len(pieces))]
	switch rnd.IntN(6) {
	case 0: // within the last text, as a rule
		if at := questionAt(body); at >= 0 {
			i = at + 1 + rnd.IntN(jsonscan.StringEnd(body, at)-at-1)
		}
		return slices.Insert(body, i, []byte(piece)...)
	case 1:
		return slices.Insert(body, i, []byte(piece)...)
	case 2:
		return slices.Delete(body, i, i+1)
	case 3:
		body[i] = piece[0]
		return body
	case 4: // another order
		var out bytes.Buffer
		var members []string
		_ = jsonscan.ScanObject(body, func(m jsonscan.Member) error {
			members = append(members, string(body[m.KeyStart:m.ValueEnd]))
			return nil
		})
		rnd.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		out.WriteString("{ " + strings.Join(members, " , ") + " }")
		return out.Bytes()
	default: // two neighbours change places
		j := min(i+1, len(body)-1)
		body[i], body[j] = body[j], body[i]
		return body
	}
}

// FuzzDigest holds the digests of two requests against the oracle.
func FuzzDigest(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same seeds in every run
	for range 20 {
		first := aRequest(rnd)
		f.Add([]byte(first), mutate(rnd, []byte(first)))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var a, b chatRequest
		if a.parse(first) != nil || b.parse(second) != nil {
			return
		}
		check(t, &a, &b)
	})
}

// TestSettingsAreNoMembers moves what stands in a setting into the body, and between settings.
func TestSettingsAreNoMembers(t *testing.T) {
	of := func(more string, settings ...setting) digest {
		var req chatRequest
		if err := req.parse([]byte(`{"model":"m","messages":[{"role":"user","content":"Hi"}]` + more + `}`)); err != nil {
			t.Fatal(err)
		}
		d := req.digest(settings...)
		d.question = nil
		return d
	}
	seen := map[string]int{}
	for i, d := range []digest{
		of(""), of(`,"a":"b"`), of("", setting{"a", "b"}), of("", setting{"a", `"b"`}), of("", setting{"ab", ""}), of("", setting{"", "ab"}),
		of("", setting{"a", "b"}, setting{"c", "d"}), of("", setting{"c", "d"}), of("", setting{"a", ""}), of(`,"a":"b"`, setting{"c", "d"}),
	} {
		for _, key := range []string{string(d.fingerprint[:]), string(d.context[:])} {
			if before, ok := seen[key]; ok {
				t.Errorf("%d and %d have a hash in common", before, i)
			}
			seen[key] = i
		}
	}
}

// TestNoNameRunsIntoAValue has a name that is spelled as a whole member is hashed.
func TestNoNameRunsIntoAValue(t *testing.T) {
	of := func(more string) digest {
		var req chatRequest
		if err := req.parse([]byte(`{"model":"m","messages":[{}],` + more + `}`)); err != nil {
			t.Fatal(err)
		}
		return req.digest()
	}
	one := `\u0000\u0001` + strings.Repeat(`\u0000`, 7) // that a number of one digit follows
	for _, name := range []string{"a" + one + "1b", "a" + one + `1\u0001` + strings.Repeat(`\u0000`, 7) + "b"} {
		if of(`"a":1,"b":2`).context == of(`"`+name+`":2`).context {
			t.Errorf("%s is taken for two members", name)
		}
	}
}

// TestDigestAllocatesNothing is about requests of one size.
func TestDigestAllocatesNothing(t *testing.T) {
	var req chatRequest
	if err := req.parse([]byte(`{"model":"m","messages":[{"role":"system","content":"Be exact."},{"role":"user","content":"Why \u0069s it?"}],"temperature":0}`)); err != nil {
		t.Fatal(err)
	}
	least := 1.0
	for i := 0; i < 100 && least > 0; i++ { // the pool forgets now and then, with the race detector at random
		least = min(least, testing.AllocsPerRun(1, func() { _ = req.digest(setting{"compress", "rag"}) }))
	}
	if least > 0 {
		t.Errorf("%v allocations", least)
	}
}

func BenchmarkDigest(b *testing.B) {
	long := strings.Repeat("It is what it is, and not what it was. ", 500)
	for name, messages := range map[string]string{
		"short": `{"role":"user","content":"Why is the sky blue?"}`,
		"20 KB": `{"role":"system","content":"` + long + `"},{"role":"user","content":"Why is the sky blue?"}`,
		"turns": strings.Repeat(`{"role":"user","content":"Why is the sky blue?"},{"role":"assistant","content":"It scatters."},`, 50) + `{"role":"user","content":"Why?"}`,
	} {
		b.Run(name, func(b *testing.B) {
			var req chatRequest
			if err := req.parse([]byte(`{"model":"m","messages":[` + messages + `],"temperature":0.5,"max_tokens":100}`)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = req.digest(setting{"compress", ""})
			}
		})
	}
}
