package admission

import (
	"net/http"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

func TestFromHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		headers map[string]string
		want    string
	}{
		"none":                   {nil, ""},
		"OpenAI's":               {map[string]string{"Authorization": "Bearer sk-1"}, "sk-1"},
		"any case of the scheme": {map[string]string{"authorization": "bEARER  sk-1 "}, "sk-1"},
		"another scheme":         {map[string]string{"Authorization": "Basic c2s6"}, ""},
		"a scheme alone":         {map[string]string{"Authorization": "Bearer "}, ""},
		"Anthropic's":            {map[string]string{"x-api-key": "sk-2"}, "sk-2"},
		"Azure's":                {map[string]string{"api-key": "sk-3"}, "sk-3"},
		"Google's":               {map[string]string{"x-goog-api-key": "sk-4"}, "sk-4"},
		"the first counts":       {map[string]string{"x-api-key": "sk-2", "Authorization": "Bearer sk-1"}, "sk-1"},
		"an unusable first":      {map[string]string{"x-api-key": "sk-2", "Authorization": "Basic x"}, "sk-2"},
	} {
		h := http.Header{}
		for k, v := range tc.headers {
			h.Set(k, v)
		}
		if got := FromHeader(h); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func principal(key, tenant []string, set func(*keystorev1.Limits, []string)) *Principal {
	k, t := &keystorev1.Key{Id: "k", Limits: &keystorev1.Limits{}}, &keystorev1.Tenant{Id: "t", Limits: &keystorev1.Limits{}}
	set(k.GetLimits(), key)
	set(t.GetLimits(), tenant)
	p := newPrincipal(k, t, "")
	return &p
}

func TestAllowsModel(t *testing.T) {
	for name, tc := range map[string]struct {
		key, tenant []string
		model       string
		want        bool
	}{
		"no lists":                 {nil, nil, "gpt-4o", true},
		"listed":                   {[]string{"o3", "gpt-4o"}, nil, "gpt-4o", true},
		"not listed":               {[]string{"o3"}, nil, "gpt-4o", false},
		"no prefix without a star": {[]string{"gpt-4"}, nil, "gpt-4o", false},
		"pattern":                  {[]string{"gpt-4*"}, nil, "gpt-4o", true},
		"other pattern":            {[]string{"gpt-5*"}, nil, "gpt-4o", false},
		"star":                     {[]string{"*"}, nil, "gpt-4o", true},
		"tenant refuses":           {[]string{"*"}, []string{"o3"}, "gpt-4o", false},
		"key refuses":              {[]string{"o3"}, []string{"*"}, "gpt-4o", false},
		"both allow":               {[]string{"gpt-*"}, []string{"gpt-4o"}, "gpt-4o", true},
		"the team's models":        {[]string{"all-team-models"}, []string{"gpt-4o"}, "gpt-4o", true},
		"not the team's":           {[]string{"all-team-models"}, []string{"o3"}, "gpt-4o", false},
		"case matters":             {[]string{"GPT-4o"}, nil, "gpt-4o", false},
	} {
		err := principal(tc.key, tc.tenant, func(l *keystorev1.Limits, v []string) { l.Models = v }).AllowsModel(tc.model)
		if (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && wantReason(t, err, errs.ModelNotAllowed).Param != "model" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllowsRoute(t *testing.T) {
	for name, tc := range map[string]struct {
		key, tenant []string
		route       string
		want        bool
	}{
		"no lists":                   {nil, nil, "/key/generate", true},
		"exact":                      {[]string{"/v1/chat/completions"}, nil, "/v1/chat/completions", true},
		"without the version":        {[]string{"/v1/chat/completions"}, nil, "/chat/completions", true},
		"with the version":           {[]string{"/chat/completions"}, nil, "/v1/chat/completions", true},
		"another":                    {[]string{"/v1/models"}, nil, "/v1/chat/completions", false},
		"what lies below":            {[]string{"/models"}, nil, "/v1/models/{id...}", true},
		"no mere prefix":             {[]string{"/key/gen"}, nil, "/key/generate", false},
		"the root is no prefix":      {[]string{"/"}, nil, "/key/generate", false},
		"inference, chat":            {[]string{"llm_api_routes"}, nil, "/v1/chat/completions", true},
		"inference, a model":         {[]string{"llm_api_routes"}, nil, "/models/{id...}", true},
		"inference, messages":        {[]string{"llm_api_routes"}, nil, "/v1/messages", true},
		"inference, keys":            {[]string{"llm_api_routes"}, nil, "/key/generate", false},
		"info, key":                  {[]string{"info_routes"}, nil, "/key/info", true},
		"info, model":                {[]string{"info_routes"}, nil, "/v1/model/info", true},
		"info, chat":                 {[]string{"info_routes"}, nil, "/v1/chat/completions", false},
		"management, key":            {[]string{"management_routes"}, nil, "/key/{key}/regenerate", true},
		"management, team":           {[]string{"management_routes"}, nil, "/team/new", true},
		"management, chat":           {[]string{"management_routes"}, nil, "/chat/completions", false},
		"management, spend":          {[]string{"management_routes"}, nil, "/tollgate.budget.v1.BudgetService/GetSpend", true},
		"management, router":         {[]string{"management_routes"}, nil, "/tollgate.router.v1.RouterService/Complete", false},
		"inference, router":          {[]string{"llm_api_routes"}, nil, "/tollgate.router.v1.RouterService/Complete", false},
		"inference, feedback":        {[]string{"llm_api_routes"}, nil, "/v1/cache/feedback", true},
		"management, feedback":       {[]string{"management_routes"}, nil, "/cache/feedback", false},
		"group and path":             {[]string{"info_routes", "/chat/completions"}, nil, "/v1/chat/completions", true},
		"wildcard":                   {[]string{"/key/*"}, nil, "/key/generate", true},
		"wildcard elsewhere":         {[]string{"/key/*"}, nil, "/team/new", false},
		"wildcard, other spelling":   {[]string{"/chat/*"}, nil, "/v1/chat/completions", true},
		"wildcard with version":      {[]string{"/v1/*"}, nil, "/chat/completions", true},
		"version is not everything":  {[]string{"/v1/*"}, nil, "/key/generate", false},
		"version alone, management":  {[]string{"/v1"}, nil, "/key/generate", false},
		"star":                       {[]string{"*"}, nil, "/key/generate", true},
		"a placeholder by any name":  {[]string{"/key/{id}/regenerate"}, nil, "/key/{key}/regenerate", true},
		"a placeholder is a segment": {[]string{"/key/{id}"}, nil, "/key", false},
		"tenant refuses":             {nil, []string{"info_routes"}, "/chat/completions", false},
		"an unknown group":           {[]string{"some_routes"}, nil, "/chat/completions", false},
	} {
		err := principal(tc.key, tc.tenant, func(l *keystorev1.Limits, v []string) { l.Routes = v }).AllowsRoute(tc.route)
		if (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			_ = wantReason(t, err, errs.RouteNotAllowed)
		}
	}
	reader := newPrincipal(&keystorev1.Key{Id: "k", Scopes: []string{"read_only", "admin"}}, nil, "")
	for route, want := range map[string]bool{
		"/key/info": true, "/v1/models": true, "/models/{id...}": true, "/team/list": true, "/health": true,
		"/key/generate": false, "/v1/chat/completions": false, "/cache/invalidate": false, "/v1/cache/feedback": false, "/team/credential": false,
	} {
		if err := reader.AllowsRoute(route); (err == nil) != want {
			t.Errorf("a read-only key at %s: %v", route, err)
		}
	}
}

func TestWhatKeyAndTenantSayTogether(t *testing.T) {
	key := &keystorev1.Key{
		Id: "k", Alias: "main", TenantId: "t", UserId: "u", Scopes: []string{"admin"},
		Tags: []string{"a", "b"}, Aliases: map[string]string{"fast": "key-model"},
		Limits: &keystorev1.Limits{RequestsPerMinute: proto.Int64(5)},
	}
	tenant := &keystorev1.Tenant{
		Id: "t", PlatformId: "p", Tags: []string{"b", "c"}, Aliases: map[string]string{"fast": "tenant-model", "big": "tenant-big"},
		CompressionProfile: "light", CredentialProviders: []string{"openai"},
	}
	p := newPrincipal(key, tenant, "default")
	if p.KeyID != "k" || p.KeyAlias != "main" || p.TenantID != "t" || p.PlatformID != "p" || p.UserID != "u" || !p.Admin || p.ActAsTenant || p.ReadOnly {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(p.Tags, []string{"a", "b", "c"}) || len(key.GetTags()) != 2 {
		t.Errorf("tags %v", p.Tags)
	}
	if p.CompressionProfile() != "light" || !slices.Equal(p.CredentialProviders(), []string{"openai"}) || p.Limits() == nil {
		t.Error("the tenant's part is missing")
	}
	for name, want := range map[string]string{"fast": "key-model", "big": "tenant-big", "other": "other"} {
		if got := p.ResolveModel(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if s := p.Scopes(); s.Platform != "p" || s.Tenant != "t" || s.User != "u" || s.Key != "k" {
		t.Errorf("%+v", s)
	}
	key.CompressionProfile = "own"
	p = newPrincipal(key, nil, "default")
	if p.CompressionProfile() != "own" || p.PlatformID != "" || p.Scopes().Platform != "default" || p.TenantID != "t" {
		t.Errorf("without a tenant's record: %+v", p)
	}
}

func TestKnowsRoute(t *testing.T) {
	served := []string{"/v1/chat/completions", "/chat/completions", "/v1/models/{id...}", "/key/generate", "/key/{key}/regenerate"}
	for entry, want := range map[string]struct{ known, served bool }{
		"llm_api_routes": {true, true}, "management_routes": {true, true}, "spend_tracking_routes": {true, false}, "mcp_routes": {true, false},
		"/v1/chat/completions": {true, true}, "/chat/*": {true, true}, "/v1/*": {true, true}, "/v1": {true, true}, "*": {true, true},
		"/key/{id}/regenerate": {true, true},
		"/v1/audio/speech":     {true, false}, "/embeddings": {true, false}, "/images/*": {true, false}, "/spend*": {true, false},
		"some_routes": {}, "chat": {}, "": {}, "/": {}, "/chat/completion": {}, "/v1/chatt/*": {}, "audio": {}, "llm_api_routes*": {}, "/models/gpt-4o": {},
	} {
		if known, served := KnowsRoute(entry, served); known != want.known || served != want.served {
			t.Errorf("%q: known %t, served %t; want %+v", entry, known, served, want)
		}
	}
}
