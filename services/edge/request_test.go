package edge

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/admission"
)

func TestParseTakesWhatTheEdgeNeeds(t *testing.T) {
	var req chatRequest
	err := req.parse([]byte(`{
		"model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true}, "n": 2,
		"max_tokens": 10, "max_completion_tokens": 20, "service_tier": "flex", "tools": [{"type": "function"}],
		"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}],
		"cache": {"no-cache": true, "use-cache": true, "ttl": 60, "namespace": "mine", "s-maxage": 30}, "unknown": {"kept": 1e400}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	if req.model != "gpt-4o" || !req.stream || !req.includeUsage || req.answers != 2 || req.maxTokens != 20 ||
		req.tier != "flex" || !req.tools || req.images < 1 {
		t.Errorf("got %+v", req)
	}
	want := cacheControl{use: true, noCache: true, ttl: time.Minute, maxAge: 30 * time.Second, partition: "mine"}
	if req.cache != want {
		t.Errorf("cache is %+v, want %+v", req.cache, want)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for body, param := range map[string]string{
		``: "", `{`: "", `[]`: "", `"x"`: "", `{"model":"m"}`: "messages", `{"messages":[]}`: "model",
		`{"model":1,"messages":[{}]}`: "model", `{"model":"","messages":[{}]}`: "model",
		`{"model":"m","messages":[]}`: "messages", `{"model":"m","messages":{}}`: "messages", `{"model":"m","messages":[ ]}`: "messages",
		`{"model":"m","messages":[{}],"stream":"yes"}`:                         "stream",
		`{"model":"m","messages":[{}],"max_tokens":-1}`:                        "max_tokens",
		`{"model":"m","messages":[{}],"max_tokens":1.5}`:                       "max_tokens",
		`{"model":"m","messages":[{}],"max_tokens":"7"}`:                       "max_tokens",
		`{"model":"m","messages":[{}],"n":0}`:                                  "n",
		`{"model":"m","messages":[{}],"n":1000}`:                               "n",
		`{"model":"m","messages":[{}],"cache":true}`:                           "cache",
		`{"model":"m","messages":[{}],"cache":{"ttl":-1}}`:                     "cache.ttl",
		`{"model":"m","messages":[{}],"cache":{"no-cache":"no"}}`:              "cache.no-cache",
		`{"model":"m","messages":[{}],"cache":{"use-cache":1}}`:                "cache.use-cache",
		`{"model":"m","messages":[{}],"timeout":"5"}`:                          "timeout",
		`{"model":"m","messages":[{}],"cache":{"tier":"nearly"}}`:              "cache.tier",
		`{"model":"m","messages":[{}],"cache":{"tier":""}}`:                    "cache.tier",
		`{"model":"m","messages":[{}],"cache":{"tier":2}}`:                     "cache.tier",
		`{"model":"m","messages":[{}],"cache":{"similarity-threshold":1.01}}`:  "cache.similarity-threshold",
		`{"model":"m","messages":[{}],"cache":{"similarity-threshold":-1}}`:    "cache.similarity-threshold",
		`{"model":"m","messages":[{}],"cache":{"similarity-threshold":"0.9"}}`: "cache.similarity-threshold",
		`{"model":"m","messages":[{}],"cache":{"similarity-threshold":null}}`:  "cache.similarity-threshold",
		`{"model":"m","messages":[{}],"timeout":0}`:                            "timeout",
		`{"model":"m","messages":[{}],"timeout":-0.5}`:                         "timeout",
		`{"model":"m","messages":[{}],"timeout":1e999}`:                        "timeout",
		`{"model":"m","messages":[{}],"timeout":1e-999}`:                       "timeout",
		`{"model":"m","messages":[{}],"timeout":{"read":5}}`:                   "timeout",
		`{"model":"m","messages":[{}],"caching":"no"}`:                         "caching",
		`{"model":"m","messages":[{}],"caching":0}`:                            "caching",
		`{"model":"m","model":"n","messages":[{}]}`:                            "model",
		`{"model":"m","messages":[{}],"user":"a","user":"b"}`:                  "user",
		"{\"model\":\"m\",\"messages\":[{\"x\":\"\xff\"}]}":                    "",
	} {
		var req chatRequest
		err := req.parse([]byte(body))
		if !errs.Is(err, errs.InvalidRequest) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := errs.Of(err).Param; got != param {
			t.Errorf("%s: blames %q, want %q", body, got, param)
		}
	}
}

// TestParseTakesWhatIsForTheGateway reads the members that LiteLLM's clients address to the
// gateway. Those that say something and have no effect are noted.
func TestParseTakesWhatIsForTheGateway(t *testing.T) {
	for members, want := range map[string]struct {
		millis  int64
		noCache bool
		ignored []string
	}{
		``:                                          {},
		`,"timeout":null,"caching":null`:            {},
		`,"timeout":30,"caching":true`:              {millis: 30_000},
		`,"timeout":0.25,"caching":false`:           {millis: 250, noCache: true},
		`,"timeout":1e-9`:                           {millis: 1},
		`,"timeout":1e300`:                          {millis: maxTimeoutMillis},
		`,"num_retries":7,"fallbacks":["n"]`:        {ignored: []string{"num_retries", "fallbacks"}},
		`,"num_retries":0`:                          {ignored: []string{"num_retries"}},
		`,"no-log":true,"tags":["a"]`:               {ignored: []string{"no-log", "tags"}},
		`,"litellm_trace_id":"t","litellm_x":{}`:    {ignored: []string{"litellm_trace_id"}},
		`,"num_retries":null,"fallbacks":[]`:        {},
		`,"no-log":false,"tags":[],"metadata":{}`:   {},
		`,"litellm_":1,"litellm":1,"user":"u"`:      {ignored: []string{"litellm_"}},
		`,"cache":{"no-cache":true},"compress":"x"`: {noCache: true},
	} {
		var req chatRequest
		if err := req.parse([]byte(`{"model":"m","messages":[{}]` + members + `}`)); err != nil {
			t.Errorf("%s: %v", members, err)
			continue
		}
		if req.timeoutMillis != want.millis || req.cache.noCache != want.noCache || !slices.Equal(req.ignored, want.ignored) {
			t.Errorf("%s: %d ms, no-cache %v, ignored %q", members, req.timeoutMillis, req.cache.noCache, req.ignored)
		}
	}
}

// TestNothingToTellCostsNothing reads a request without any member for the gateway.
func TestNothingToTellCostsNothing(t *testing.T) {
	var req chatRequest
	if err := req.parse([]byte(`{"model":"m","messages":[{}],"temperature":0,"user":"u","metadata":{"a":"b"},"stream":true}`)); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := req.parseGateway(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCacheHeaders(t *testing.T) {
	for name, tc := range map[string]struct {
		header, value string
		want          cacheControl
		bad           errs.Reason
	}{
		"no-cache":     {header: "Cache-Control", value: "no-cache", want: cacheControl{noCache: true}},
		"both":         {header: "Cache-Control", value: "No-Store , no-cache", want: cacheControl{noCache: true, noStore: true}},
		"an age":       {header: "Cache-Control", value: "no-transform, Max-Age=5", want: cacheControl{maxAge: 5 * time.Second}},
		"in quotes":    {header: "Cache-Control", value: `max-age="5"`, want: cacheControl{maxAge: 5 * time.Second}},
		"two ages":     {header: "Cache-Control", value: "max-age=5, max-age=9", want: cacheControl{maxAge: 5 * time.Second}},
		"no age":       {header: "Cache-Control", value: "max-age=0", want: cacheControl{noCache: true}},
		"a huge age":   {header: "Cache-Control", value: "max-age=99999999999999999999", want: cacheControl{maxAge: maxTTLSeconds * time.Second}},
		"a year":       {header: "Cache-Control", value: "max-age=31622401", want: cacheControl{maxAge: maxTTLSeconds * time.Second}},
		"age: none":    {header: "Cache-Control", value: "max-age", bad: errs.InvalidRequest},
		"age: text":    {header: "Cache-Control", value: "max-age=soon", bad: errs.InvalidRequest},
		"age: below 0": {header: "Cache-Control", value: "max-age=-1", bad: errs.InvalidRequest},
		"from it only": {header: "Cache-Control", value: "only-if-cached", bad: errs.UnsupportedParameter},
		"harmless":     {header: "Cache-Control", value: "max-stale, max-stale=9, min-fresh=9, no-transform, private, x=", want: cacheControl{}},
		"ttl":          {header: "X-Cache-Ttl", value: "5", want: cacheControl{ttl: 5 * time.Second}},
		"no number":    {header: "X-Cache-Ttl", value: "soon", bad: errs.InvalidRequest},
		"tier":         {header: "X-Cache-Tier", value: "near", want: cacheControl{wish: admission.Caching{Last: cachev1.Tier_TIER_NEAR}}},
		"no tier":      {header: "X-Cache-Tier", value: "unspecified", bad: errs.InvalidRequest},
		"no score":     {header: "X-Cache-Threshold", value: "NaN", bad: errs.InvalidRequest},
		"a large one":  {header: "X-Cache-Threshold", value: "1.5", bad: errs.InvalidRequest},
		"two scores":   {header: "X-Cache-Threshold", value: "0.5, 0.6", bad: errs.InvalidRequest},
		"negative ttl": {header: "X-Cache-Ttl", value: "-1", bad: errs.InvalidRequest},
	} {
		var got cacheControl
		err := got.headers(http.Header{tc.header: {tc.value}})
		if tc.bad == "" && (err != nil || got != tc.want) || tc.bad != "" && !errs.Is(err, tc.bad) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// Of ages in the header's lines and in the body, the least holds.
func TestTheLeastAgeHolds(t *testing.T) {
	for seconds, lines := range map[int64][]string{30: nil, 20: {"max-age=40", "no-transform, max-age=20"}} {
		var req chatRequest
		if err := req.parse([]byte(`{"model":"m","messages":[{}],"cache":{"s-maxage":30}}`)); err != nil {
			t.Fatal(err)
		}
		if err := req.cache.headers(http.Header{"Cache-Control": lines}); err != nil || req.cache.maxAge != time.Duration(seconds)*time.Second {
			t.Errorf("%q: %v, %v", lines, req.cache.maxAge, err)
		}
	}
}

// A number that is too large is told so, with the bounds, and not that it is no number.
func TestTimesToLiveHaveBounds(t *testing.T) {
	const bounds = " must be a whole number of seconds from 0 to 31622400"
	var control cacheControl
	err := control.headers(http.Header{"X-Cache-Ttl": {"31622401"}})
	if e := errs.Of(err); e == nil || e.Message != "X-Cache-Ttl"+bounds {
		t.Errorf("the header: %v", err)
	}
	for member, value := range map[string]string{"ttl": "-5", "s-maxage": "1e9"} {
		var req chatRequest
		err := req.parse([]byte(`{"model":"m","messages":[{}],"cache":{"` + member + `":` + value + `}}`))
		if e := errs.Of(err); e == nil || e.Message != "cache."+member+bounds {
			t.Errorf("%s: %v", member, err)
		}
	}
}

func TestErrorEnvelope(t *testing.T) {
	w := httptest.NewRecorder()
	writeError(w, errs.New(errs.BudgetExceeded, `spent "all"`).WithRetryAfter(1500*time.Millisecond).WithDetail("budget", "b1"))
	var got struct {
		Error struct {
			Code, Message, Type string
			Param               *string
			Details             map[string]string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "2" || got.Error.Code != "budget_exceeded" ||
		got.Error.Message != `spent "all"` || got.Error.Type != "budget_exceeded" || got.Error.Param != nil ||
		got.Error.Details["budget"] != "b1" {
		t.Errorf("got %d %v %+v", w.Code, w.Header(), got)
	}
	if !strings.Contains(w.Body.String(), `"param":null`) {
		t.Errorf("param must be there, as null: %s", w.Body)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}`))
	f.Add([]byte(`{"cache":{"ttl":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var req chatRequest
		err := req.parse(body)
		if err == nil {
			if !json.Valid(body) {
				t.Error("accepted what is no JSON")
			}
			if first := req.digest().fingerprint; first != req.digest().fingerprint {
				t.Error("the fingerprint is not stable")
			}
			return
		}
		if !errs.Is(err, errs.InvalidRequest) {
			t.Errorf("%v", err)
		}
	})
}

func TestNothingKeptIsYoungEnoughForZero(t *testing.T) {
	var req chatRequest
	if err := req.parse([]byte(`{"model":"m","messages":[{}],"cache":{"s-maxage":0}}`)); err != nil || !req.cache.noCache {
		t.Errorf("got %+v, %v", req.cache, err)
	}
}

// What a caller hides from the search for names costs its reservation the whole window,
// never less than it may use.
func TestHiddenNamesHaveNoBound(t *testing.T) {
	const plain = `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"caf\u00e9 \u003cb\u003e \u0000"}]}]}`
	for body, want := range map[string]bool{
		plain: false,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`:           false,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image\u005furl","image\u005furl":{"url":"https://example.com/a.png"}}]}]}`: true,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"fil\u0065","fil\u0065":{"file_id":"f"}}]}]}`:                               true,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}`:                                         true,
	} {
		var req chatRequest
		if err := req.parse([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if req.unbounded != want {
			t.Errorf("%s: unbounded is %v", body, req.unbounded)
		}
		m := model{contextWindow: 100_000, imageTokens: 1000, provider: "openai"}
		if got := m.promptBound(&req); (got == 100_000) != want {
			t.Errorf("%s: bound by %d tokens", body, got)
		}
	}
}
