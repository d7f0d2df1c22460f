package edge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
)

// TestCompression compresses on a miss alone, and on any doubt sends the original.
func TestCompression(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := chat("many  words")
	compress := map[string]string{"X-Compress": "default"}
	a := r.do(http.MethodPost, chatPath, call{acmeKey, compress, body})
	if a.status != http.StatusOK || a.header.Get("X-Tollgate-Compression") != "default" || strings.Contains(string(r.router.last().GetBody()), " ") {
		t.Errorf("%d %v, sent %s", a.status, a.header, r.router.last().GetBody())
	}
	for name, want := range map[string]string{
		"Compression-Engine": "extractive", "Compression-Micros": "95", "Original-Tokens": "100", "Compressed-Tokens": "60",
		"Omitted": "0123456789abcdef,fedcba9876543210", "Compression-Saved": "0.00004",
	} {
		if got := a.header.Get("X-Tollgate-" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, ok := a.header["X-Tollgate-Compression-Skipped"]; ok {
		t.Errorf("what was compressed was skipped for %q", got)
	}
	told := &eventv1.Compression{Engine: "extractive", Profile: "default", OriginalTokens: 100, CompressedTokens: 60, Micros: 95}
	if rec := r.ledger(1)[0]; rec.GetSavedCompressionNanos() != 40*1000 || !proto.Equal(rec.GetCompression(), told) {
		t.Errorf("the ledger has %v", rec)
	}
	if a := r.do(http.MethodPost, chatPath, call{acmeKey, compress, body}); a.header.Get("X-Cache") != "hit" || r.compressor.calls.Load() != 1 {
		t.Errorf("a repeat is compressed again: %v", a.header)
	}
	// Who asks for no compression is not answered what a compressed prompt was.
	for range 2 {
		a = r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "off"}, body})
	}
	if a.header.Get("X-Cache") != "hit" || r.router.called() != 2 || string(r.router.last().GetBody()) != body {
		t.Errorf("without compression: %d calls, %v", r.router.called(), a.header)
	}
	r.compressor.fails = errors.New("no")
	body = chat("other words")
	if a := r.do(http.MethodPost, chatPath, call{acmeKey, compress, body}); a.status != http.StatusOK || string(r.router.last().GetBody()) != body {
		t.Errorf("a prompt that cannot be compressed: %d, sent %s", a.status, r.router.last().GetBody())
	}
}

// A compression is asked for by header, by the body, or by the key, in this order.
func TestWhoAsksForCompression(t *testing.T) {
	t.Parallel()
	ragKey, offKey := "sk-rag-0123456789abcdef", "sk-off-0123456789abcdef"
	for name, tc := range map[string]struct {
		key, header, body string
		profile           string
		rate              float64
		param             string // that is refused
	}{
		"nobody":                      {key: acmeKey},
		"a header":                    {key: acmeKey, header: "rag", profile: "rag"},
		"a header before the body":    {key: acmeKey, header: "off", body: `"rag"`},
		"a body":                      {key: acmeKey, body: `"chat"`, profile: "chat"},
		"a body that says yes":        {key: acmeKey, body: `true`, profile: "default"},
		"a body that says no":         {key: ragKey, body: `false`},
		"a body that says nothing":    {key: ragKey, body: `null`, profile: "rag"},
		"a key":                       {key: ragKey, profile: "rag"},
		"a key and yes":               {key: ragKey, body: `true`, profile: "rag"},
		"off goes before a key":       {key: ragKey, header: "off"},
		"a key that wants none":       {key: offKey},
		"a key that wants none, yes":  {key: offKey, body: `true`, profile: "default"},
		"a rate":                      {key: acmeKey, body: `{"rate":0.25}`, profile: "default", rate: 0.25},
		"a rate of a key's profile":   {key: ragKey, body: `{"rate":1}`, profile: "rag", rate: 1},
		"a profile and a rate":        {key: acmeKey, body: `{"profile":"chat","rate":0.7}`, profile: "chat", rate: 0.7},
		"a profile in an object":      {key: acmeKey, body: `{"profile":"rag"}`, profile: "rag"},
		"off in an object":            {key: ragKey, body: `{"profile":"off","rate":0.5}`},
		"an unknown header":           {key: acmeKey, header: "zip", param: "X-Compress"},
		"an unknown profile":          {key: acmeKey, body: `"zip"`, param: "compress"},
		"an unknown one in an object": {key: acmeKey, body: `{"profile":"zip"}`, param: "compress"},
		"a rate of 0":                 {key: acmeKey, body: `{"rate":0}`, param: "compress"},
		"a rate above 1":              {key: acmeKey, body: `{"rate":1.01}`, param: "compress"},
		"a rate that is no number":    {key: acmeKey, body: `{"rate":"half"}`, param: "compress"},
		"an unknown member":           {key: acmeKey, body: `{"rates":0.5}`, param: "compress"},
		"a number":                    {key: acmeKey, body: `0.5`, param: "compress"},
		"a list":                      {key: acmeKey, body: `["rag"]`, param: "compress"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for key, profile := range map[string]string{ragKey: "rag", offKey: "off"} {
				r.keystore.put(key, &keystorev1.Grant{
					Key: &keystorev1.Key{Id: "key-" + profile, TenantId: "acme", CompressionProfile: profile}, Tenant: &keystorev1.Tenant{Id: "acme"},
				})
			}
			c := call{key: tc.key, body: chat("many  words")}
			if tc.header != "" {
				c.header = map[string]string{"X-Compress": tc.header}
			}
			if tc.body != "" {
				c.body = chat("many  words", `"compress":`+tc.body)
			}
			a := r.do(http.MethodPost, chatPath, c)
			if tc.param != "" {
				if a.status != http.StatusBadRequest || a.reason() != "invalid_request" || !strings.Contains(a.body, tc.param) {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			if a.status != http.StatusOK || a.header.Get("X-Tollgate-Compression") != tc.profile {
				t.Fatalf("%d %s, compressed by %q", a.status, a.body, a.header.Get("X-Tollgate-Compression"))
			}
			asked := r.compressor.last.Load()
			if tc.profile == "" {
				if asked != nil {
					t.Errorf("asked for %v", asked)
				}
				return
			}
			if asked.GetProfile() != tc.profile || asked.GetRate() != tc.rate || asked.GetTenantId() != "acme" {
				t.Errorf("asked for %v", asked)
			}
		})
	}
}

// What is saved is less what the provider's own cache would have saved, or loses.
func TestSavedNetOfTheProvidersCache(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		read, lost int64
		want       int64 // nano-dollars, at 1,000 a token and 100 a cached one
	}{
		"nothing cached":         {0, 0, 40_000},
		"some of it cached":      {30, 0, 10*1000 + 30*100},
		"all of it cached":       {40, 0, 40 * 100},
		"a cached prompt is not": {10, 50, 30*1000 + 10*100 - 50*900},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.window = `"max_input_tokens": 100000, "cache_read_input_token_cost": 1e-7,` })
			r.compressor.cache = [2]int64{tc.read, tc.lost}
			if a := r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "rag"}, chat("many  words")}); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if got := r.ledger(1)[0].GetSavedCompressionNanos(); got != tc.want {
				t.Errorf("saved %d, want %d", got, tc.want)
			}
		})
	}
}

// A prompt that goes out as it came, after earlier turns of it were compressed, costs more, and
// that is told like a saving.
func TestALossWithoutACompression(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.window = `"max_input_tokens": 100000, "cache_read_input_token_cost": 1e-7,` })
	r.compressor.late.Store(true)
	body := chat("many  words")
	a := r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "rag"}, body})
	if a.status != http.StatusOK || string(r.router.last().GetBody()) != body {
		t.Fatalf("%d, sent %s", a.status, r.router.last().GetBody())
	}
	for name, want := range map[string]string{
		"Compression": "rag", "Compression-Engine": "none", "Original-Tokens": "100", "Compressed-Tokens": "100", "Compression-Saved": "-0.000072",
	} {
		if got := a.header.Get("X-Tollgate-" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	told := &eventv1.Compression{Engine: "none", Profile: "rag", OriginalTokens: 100, CompressedTokens: 100, Micros: 95, Skipped: "late"}
	if rec := r.ledger(1)[0]; rec.GetSavedCompressionNanos() != -80*900 || !proto.Equal(rec.GetCompression(), told) {
		t.Errorf("the ledger has %v", rec)
	}
}

// Originals that go out for lack of time, after a failure, or because they are too long, are counted
// apart from those of which there is nothing to compress, and the caller and the ledger are told why.
func TestSkippedCompressionsAreTold(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]func(*compressorFake){
		"late":     func(f *compressorFake) { f.late.Store(true) },
		"failed":   func(f *compressorFake) { f.fails = errors.New("away") },
		"too_long": func(f *compressorFake) { f.long.Store(true) },
	} {
		r := newRig(t)
		set(r.compressor)
		a := r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "rag"}, chat("many  words")})
		if got := a.header.Get("X-Tollgate-Compression-Skipped"); a.status != http.StatusOK || got != want {
			t.Fatalf("%d %s: skipped for %q, want %q", a.status, a.body, got, want)
		}
		if got := r.ledger(1)[0].GetCompression(); got.GetSkipped() != want || got.GetEngine() != "none" || got.GetProfile() != "rag" {
			t.Errorf("%s: the ledger has %v", want, got)
		}
		families, err := r.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() != "tollgate_compression_requests_total" {
				continue
			}
			for _, m := range family.GetMetric() {
				labels := m.GetLabel()[0].GetValue() + " " + m.GetLabel()[1].GetValue()
				if one := labels == "rag "+want; (m.GetCounter().GetValue() == 1) != one {
					t.Errorf("%s: %s has %v", want, labels, m.GetCounter().GetValue())
				}
			}
		}
	}
}

// The compressor hears of every deployment that may serve, and of each one's own provider.
func TestCompressionKnowsAllDeployments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.router.mu.Lock()
	r.router.models = []*routerv1.Model{{Name: "m", Deployments: []*routerv1.Deployment{
		{Id: "m-1", Provider: "openai", UpstreamModel: "m-1"}, {Id: "m-2", Provider: "gemini", UpstreamModel: "gemini-2.5-pro"},
	}}}
	r.router.mu.Unlock()
	if err := r.edge.RefreshModels(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"X-Compress": "rag"}, chat("many  words")}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	got := r.compressor.last.Load()
	want := &compressorv1.CompressRequest{
		Body: got.GetBody(), Profile: "rag", TenantId: "acme", Provider: "openai", Model: "m-1", DeploymentId: "m-1",
		Others: []*compressorv1.Deployment{{Provider: "gemini", Model: "gemini-2.5-pro", DeploymentId: "m-2"}},
	}
	if !proto.Equal(got, want) {
		t.Errorf("asked for %v", got)
	}
}

// For a key without a team nothing of a prompt is kept, and no part is named that nobody could fetch.
func TestNoPartIsNamedToAKeyWithoutATeam(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for key, want := range map[string]string{lonerKey: "", acmeKey: "0123456789abcdef,fedcba9876543210"} {
		a := r.do(http.MethodPost, chatPath, call{key, map[string]string{"X-Compress": "default"}, chat("many  words")})
		if a.header.Get("X-Tollgate-Compression") != "default" || a.header.Get("X-Tollgate-Omitted") != want {
			t.Errorf("%s is told %v, want %q", key, a.header, want)
		}
	}
}

// Who has its answers kept by nobody has nothing of its prompts kept: by a call's no-store, or by what
// its key says.
func TestNothingIsKeptOfAPromptAgainstTheCallersWord(t *testing.T) {
	t.Parallel()
	const optsOut = "sk-out-0123456789abcdef"
	for name, tc := range map[string]struct {
		key, control string
		more         []string
		forgets      bool
	}{
		"as a rule":           {acmeKey, "", nil, false},
		"no-cache":            {acmeKey, "no-cache", nil, false},
		"the header":          {acmeKey, "max-age=0, no-store", nil, true},
		"the body":            {acmeKey, "", []string{`"cache":{"no-store":true}`}, true},
		"a key that opts out": {optsOut, "", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.put(optsOut, &keystorev1.Grant{
				Key:    &keystorev1.Key{Id: "out", TenantId: "acme", Cache: &keystorev1.CachePolicy{Disabled: true}},
				Tenant: &keystorev1.Tenant{Id: "acme"},
			})
			a := r.do(http.MethodPost, chatPath, call{tc.key, map[string]string{"X-Compress": "default", "Cache-Control": tc.control}, chat("many  words", tc.more...)})
			if a.status != http.StatusOK || a.header.Get("X-Tollgate-Compression") != "default" {
				t.Fatalf("%d %v", a.status, a.header)
			}
			if got := r.compressor.last.Load(); got.GetForgetOmitted() != tc.forgets || got.GetTenantId() != "acme" {
				t.Errorf("asked for %v", got)
			}
			if named := a.header.Get("X-Tollgate-Omitted") != ""; named == tc.forgets {
				t.Errorf("parts are named: %q", a.header.Get("X-Tollgate-Omitted"))
			}
		})
	}
}
