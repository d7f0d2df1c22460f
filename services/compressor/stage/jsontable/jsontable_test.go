package jsontable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/bench/toolresults"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/jsontable"
)

func canonical(text string) string { return string(jsonscan.AppendCanonical(nil, []byte(text))) }

// long are results of which most is text, that no form can make shorter, and the percentage
// of their tokens that is left.
var long = map[string]int64{"chat": 68, "search": 61}

// Results as APIs and tools print them: the short form has half of the tokens at most.
func TestRealisticResults(t *testing.T) {
	results, err := toolresults.All()
	if err != nil {
		t.Fatal(err)
	}
	var counter tokens.Counter
	count := func(text string) int64 {
		c, err := counter.Count(tokens.O200k, text)
		if err != nil {
			t.Fatal(err)
		}
		return c.Tokens
	}
	for _, r := range results {
		text := r.JSON
		short, ok := jsontable.Encode(t.Context(), text)
		if !ok {
			t.Errorf("%s is not encoded", r.Name)
			short = canonical(text)
		} else if back, err := jsontable.Decode(short); err != nil || back != canonical(text) {
			t.Errorf("%s: decodes to something else, or not: %v", r.Name, err)
		}
		pretty, plain, table := count(text), count(canonical(text)), count(short)
		t.Logf("%-20s %6d pretty, %3d %% without space, %3d %% in short form", r.Name, pretty, plain*100/pretty, table*100/pretty)
		most := int64(50)
		if n := long[r.Name]; n > 0 {
			most = n
		}
		if table*100 > pretty*most {
			t.Errorf("%s: %d of %d tokens", r.Name, table, pretty)
		}
	}
}

// apply runs the stage over one message.
func apply(t testing.TB, role, content string) string {
	t.Helper()
	p := parse(t, role, content)
	if err := (jsontable.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: p.Texts, Rate: 1}); err != nil {
		t.Fatal(err)
	}
	return p.Texts[0].Current()
}

func parse(t testing.TB, role, content string) *prompt.Prompt {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":"Q"},{"role":%q,"content":%s}]}`, role, jsonscan.AppendQuoted(nil, content))
	p, err := prompt.Parse(t.Context(), []byte(body))
	if err != nil || len(p.Texts) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	return p
}

const issues = `[{"id":1,"title":"A title","state":"open","user":{"login":"ann","id":7},"labels":[{"name":"bug","color":"red"},{"name":"ui","color":"blue"}],"closed":{"by":"bob","at":"2026-01-02"}},
	{"id":2,"title":"Another, longer one","state":"open","user":{"login":"bob","id":9},"labels":[],"closed":null},
	{"id":3,"title":"Third","state":"open","user":{"login":"ann","id":7},"labels":[],"closed":{"by":"ann","at":"2026-01-05"}}]`

const issuesShort = "JSON, short form; [{a,b} heads rows of a,b; a=x: x in all rows\n" +
	"[{id,title,state=open,user(login,id),labels[{name,color}],closed{by,at}}\n" +
	"1,A title,ann,7,[{bug,red},{ui,blue}],{bob,2026-01-02}\n2,\"Another, longer one\",bob,9,[],null\n3,Third,ann,7,[],{ann,2026-01-05}]"

func TestForms(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"of the package's comment": {issues, issuesShort},
		"missing is not null": {`{"matches":[{"path":"a.go","line":1,"text":"x"},{"path":"b.go","line":null},{"path":"c.go","text":""},{"path":"e.go"},{"path":"f.go","line":4,"text":"null"}],"complete":true,"warnings":[]}`,
			"JSON, short form; [{a,b} heads rows of a,b; empty cell: no such member\n" +
				"{matches:[{path,line,text}\na.go,1,x\nb.go,null\nc.go,,\"\"\ne.go\nf.go,4,\"null\"],complete:true,warnings:[]}"},
		"by key": {`{"services":{"edge":{"replicas":2,"port":8080,"state":"up"},"router":{"replicas":3,"port":8081,"state":"up"},"cache":{"replicas":1,"port":8082,"state":"up"},"a:b":{"replicas":0,"port":8083,"state":"up"}}}`,
			"JSON, short form; {{a,b} heads rows key:a,b; a=x: x in all rows\n{services:{{replicas,port,state=up}\nedge:2,8080\nrouter:3,8081\ncache:1,8082\n\"a:b\":0,8083}}"},
		"paths": {`["src/services/edge/a.go","src/services/edge/b.go","src/services/edge/c.go","src/services/edge/d, e.go","src/services/edge/.go"]`, "JSON, short form; a=x*y: x and y go around the cell\n[=src/services/edge/*.go,a,b,c,\"d, e\",\"\"]"},
		"rows of lists": {`{"columns":["id","zip","at"],"rows":[[1,"01234","2026-11-01"],[2,"50667","2026-11-02"],[3,"80331","2026-11-03"],[4,"10115","2026-11-04"],[5,"20095","2026-11-05"],[6,"60311","2026-11-06"]]}`,
			"JSON, short form; [| begins rows; a=x*y: x and y go around the cell\n{columns:[id,zip,at],rows:[|*,=*,=2026-11-*\n1,01234,01\n2,50667,02\n3,80331,03\n4,10115,04\n5,20095,05\n6,60311,06]}"},
		"text before it": {"Found 3:\n\n" + issues, "Found 3:\n\n" + issuesShort},
		"lines": {"{\"time\": \"10:00:00\", \"level\": \"info\", \"message\": \"started\"}\n{\"time\": \"10:00:01\", \"level\": \"warn\", \"message\": \"slow\"}\n{\"time\": \"10:00:02\", \"level\": \"info\", \"message\": \"done\", \"took\": 2}\n{\"time\": \"10:00:02\", \"level\": \"info\", \"message\": \"ended\"}\n",
			"JSON, short form of lines: {a,b} heads rows of a,b; empty cell: no such member\n{time,level,message,took}\n10:00:00,info,started\n10:00:01,warn,slow\n10:00:02,info,done,2\n10:00:02,info,ended"},
		"text behind it": {issues + "\nDone.", ""},
		"a key twice":    {`[{"alpha":"one","alpha":"two"},{"alpha":"one","alpha":"two"},{"alpha":"one","alpha":"three"}]`, "JSON, short form\n[{alpha:one,alpha:two},{alpha:one,alpha:two},{alpha:one,alpha:three}]"},
		"other orders":   {`[{"alpha":"one","beta":"two"},{"beta":"one","alpha":"two"},{"alpha":"one","beta":"two"}]`, "JSON, short form\n[{alpha:one,beta:two},{beta:one,alpha:two},{alpha:one,beta:two}]"},
		"not worth it":   {`{"a":[1,2,3],"b":1.50}`, ""},
		"numbers":        {`[1.50,1e+02,-0,12345678901234567890.000]`, ""},
		"deep":           {strings.Repeat(`{"abc":`, 100) + "1" + strings.Repeat("}", 100), ""},
		"prose":          {"All is well.", ""},
		"nothing":        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.in
			}
			got := apply(t, "tool", tc.in)
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if again := apply(t, "tool", got); again != got {
				t.Errorf("again it becomes %s", again)
			}
			if got == tc.in {
				return
			}
			if spans := protect.Append(nil, got); len(spans) == 0 || spans[len(spans)-1].Kind != protect.JSON || spans[len(spans)-1].End != len(got) {
				t.Errorf("is not protected: %v", spans)
			}
			back, err := jsontable.Decode(got)
			if err != nil || strings.Join(strings.Fields(back), "") != strings.Join(strings.Fields(tc.in), "") {
				t.Errorf("decodes to %s, %v", back, err)
			}
		})
	}
}

func TestOtherTextsStay(t *testing.T) {
	p := parse(t, "tool", issues)
	p.Texts[0].Kind = prompt.Context
	ctx, cancel := context.WithCancel(t.Context())
	if err := (jsontable.Stage{}).Apply(ctx, &prompt.Draft{Texts: p.Texts}); err != nil || p.Texts[0].Changed() {
		t.Errorf("%q, %v", p.Texts[0].Current(), err)
	}
	cancel()
	if err := (jsontable.Stage{}).Apply(ctx, &prompt.Draft{Texts: p.Texts}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// What is wanted as it is stays JSON, and JSON lines.
func TestVerbatimStays(t *testing.T) {
	for question, stays := range map[string]bool{"Return the raw JSON of the tool unchanged, byte for byte.": true, "Who closed the third?": false} {
		for _, text := range []string{issues, strings.Repeat("{\"time\":\"10:00:00\",\"level\":\"info\",\"message\":\"started\"}\n", 5)} {
			p, err := prompt.Parse(t.Context(), fmt.Appendf(nil, `{"messages":[{"role":"user","content":%q},{"role":"tool","content":%s}]}`, question, jsonscan.AppendQuoted(nil, text)))
			if err != nil {
				t.Fatal(err)
			}
			if err := (jsontable.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: p.Texts}); err != nil || p.Texts[0].Changed() == stays {
				t.Errorf("%s: %q, %v", question, p.Texts[0].Current(), err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const head = protect.ShortJSON + "\n"
	for _, text := range []string{
		"", "{}", protect.ShortJSON, head, head + "[{a,b}\n1,2", head + "[{a,b}\n1,2}", head + "[{a,b}\n1,2,3]", head + "{a:}", head + "{:1}", head + "[1]x",
		head + "[{a(b}\n1]", head + "[{a[b]}\n1]", head + "[=x,1]", head + "[|x\n1]", head + "[{a{b}}\n{1]", head + "\"", head + "[\"\\x\"]",
		head + "[{a}\n\x01]", protect.ShortJSON + " of lines\n[{a}\n1]", head + strings.Repeat("[", 1000), head + "[{" + strings.Repeat("a(", 1000),
	} {
		if got, err := jsontable.Decode(text); !errors.Is(err, jsontable.ErrForm) {
			t.Errorf("%q decodes to %q, %v", text, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(protect.ShortJSON + "\n[{a,b=1,c=x*y,d(e),f{g},h[{i}]}\n1,2,3,{4},[{5}]]")
	f.Add(protect.ShortJSON + "\n{a:[|*,=*\n1,2],b:[=x*,1],c:{{d}\nk:1}}")
	f.Add(protect.ShortJSON + " of lines\n{a}\n1\n2")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := jsontable.Decode(text)
		if err != nil && got != "" {
			t.Fatalf("%q and %v", got, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	results, err := toolresults.All()
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range results {
		text := canonical(r.JSON)
		b.Run(r.Name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := jsontable.Encode(b.Context(), text); !ok {
					b.Fatal("not encoded")
				}
			}
		})
	}
}
