package keystore_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

// models is a policy with one model's own.
func models(name string, own *keystorev1.ModelCachePolicy, threshold *float64) *keystorev1.CachePolicy {
	return &keystorev1.CachePolicy{Threshold: threshold, Models: map[string]*keystorev1.ModelCachePolicy{name: own}}
}

func TestNewKeysAreChecked(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 257)
	limits := func(l *keystorev1.Limits) *keystorev1.Key { return &keystorev1.Key{Limits: l} }
	manyNumbers := map[string]int64{}
	manyNames := map[string]string{}
	for _, name := range many(1001) {
		manyNumbers[name], manyNames[name] = 1, name
	}
	huge := make([]string, 1000)
	for i := range huge {
		huge[i] = long[:256]
	}
	for name, tc := range map[string]struct {
		key   *keystorev1.Key
		param string // empty for a key that is right
	}{
		"empty":                      {&keystorev1.Key{}, ""},
		"an id":                      {&keystorev1.Key{Id: "x"}, "key.id"},
		"a display":                  {&keystorev1.Key{Display: "x"}, "key.display"},
		"a creation":                 {&keystorev1.Key{CreatedMillis: 1}, "key.created_millis"},
		"a change":                   {&keystorev1.Key{UpdatedMillis: 1}, "key.updated_millis"},
		"a grace":                    {&keystorev1.Key{GraceUntilMillis: 1}, "key.grace_until_millis"},
		"alias of 256":               {&keystorev1.Key{Alias: long[:256]}, ""},
		"alias too long":             {&keystorev1.Key{Alias: long}, "key.alias"},
		"alias with a line end":      {&keystorev1.Key{Alias: "a\nb"}, "key.alias"},
		"alias not UTF-8":            {&keystorev1.Key{Alias: "\xff"}, "key.alias"},
		"tenant with a space":        {&keystorev1.Key{TenantId: "a b"}, "key.tenant_id"},
		"user too long":              {&keystorev1.Key{UserId: long}, "key.user_id"},
		"maker too long":             {&keystorev1.Key{CreatedBy: long}, "key.created_by"},
		"every scope":                {&keystorev1.Key{Scopes: []string{"admin", "act_as_tenant", "read_only"}}, ""},
		"unknown scope":              {&keystorev1.Key{Scopes: []string{"admin", "root"}}, "key.scopes[1]"},
		"scope twice":                {&keystorev1.Key{Scopes: []string{"admin", "admin"}}, "key.scopes[1]"},
		"expires now":                {&keystorev1.Key{ExpiresMillis: f.in(0)}, "key.expires_millis"},
		"expires in a moment":        {&keystorev1.Key{ExpiresMillis: f.in(time.Millisecond)}, ""},
		"expires before 1970":        {&keystorev1.Key{ExpiresMillis: -1}, "key.expires_millis"},
		"metadata an object":         {&keystorev1.Key{Metadata: []byte("\n{\"a\": [1, null]}")}, ""},
		"metadata an array":          {&keystorev1.Key{Metadata: []byte("[]")}, "key.metadata"},
		"metadata null":              {&keystorev1.Key{Metadata: []byte("null")}, "key.metadata"},
		"metadata cut":               {&keystorev1.Key{Metadata: []byte(`{"a":`)}, "key.metadata"},
		"metadata not UTF-8":         {&keystorev1.Key{Metadata: []byte("{\"a\":\"\xff\"}")}, "key.metadata"},
		"metadata too large":         {&keystorev1.Key{Metadata: []byte(`{"a":"` + strings.Repeat("x", 64<<10) + `"}`)}, "key.metadata"},
		"too many tags":              {&keystorev1.Key{Tags: many(1001)}, "key.tags"},
		"an empty tag":               {&keystorev1.Key{Tags: []string{"a", ""}}, "key.tags[1]"},
		"1000 tags":                  {&keystorev1.Key{Tags: many(1000)}, ""},
		"an alias of nothing":        {&keystorev1.Key{Aliases: map[string]string{"a": ""}}, "key.aliases"},
		"too many aliases":           {&keystorev1.Key{Aliases: manyNames}, "key.aliases"},
		"an alias too long":          {&keystorev1.Key{Aliases: map[string]string{"a": long}}, "key.aliases"},
		"a negative TTL":             {&keystorev1.Key{Cache: &keystorev1.CachePolicy{TtlMillis: -1}}, "key.cache.ttl_millis"},
		"a TTL of centuries":         {&keystorev1.Key{Cache: &keystorev1.CachePolicy{TtlMillis: 1 << 50}}, "key.cache.ttl_millis"},
		"an unknown tier":            {&keystorev1.Key{Cache: &keystorev1.CachePolicy{LastTier: 9}}, "key.cache.last_tier"},
		"a threshold above 1":        {&keystorev1.Key{Cache: &keystorev1.CachePolicy{Threshold: proto.Float64(1.1)}}, "key.cache.threshold"},
		"a threshold of no number":   {&keystorev1.Key{Cache: &keystorev1.CachePolicy{Threshold: proto.Float64(math.NaN())}}, "key.cache.threshold"},
		"thresholds of 0 and 1":      {&keystorev1.Key{Cache: models("m", &keystorev1.ModelCachePolicy{Threshold: proto.Float64(1)}, proto.Float64(0))}, ""},
		"a model's negative TTL":     {&keystorev1.Key{Cache: models("m", &keystorev1.ModelCachePolicy{TtlMillis: -1}, nil)}, "key.cache.models.ttl_millis"},
		"a model without a name":     {&keystorev1.Key{Cache: models("", &keystorev1.ModelCachePolicy{}, nil)}, "key.cache.models"},
		"a profile with a space":     {&keystorev1.Key{CompressionProfile: "a b"}, "key.compression_profile"},
		"limits of 0":                {limits(&keystorev1.Limits{RequestsPerMinute: proto.Int64(0), TokensPerMinute: proto.Int64(0), ParallelRequests: proto.Int64(0)}), ""},
		"negative requests":          {limits(&keystorev1.Limits{RequestsPerMinute: proto.Int64(-1)}), "key.limits.requests_per_minute"},
		"negative tokens":            {limits(&keystorev1.Limits{TokensPerMinute: proto.Int64(-1)}), "key.limits.tokens_per_minute"},
		"negative parallel":          {limits(&keystorev1.Limits{ParallelRequests: proto.Int64(-1)}), "key.limits.parallel_requests"},
		"negative requests of one":   {limits(&keystorev1.Limits{ModelRequestsPerMinute: map[string]int64{"m": -1}}), "key.limits.model_requests_per_minute"},
		"negative tokens of one":     {limits(&keystorev1.Limits{ModelTokensPerMinute: map[string]int64{"m": -1}}), "key.limits.model_tokens_per_minute"},
		"a limit of no model":        {limits(&keystorev1.Limits{ModelTokensPerMinute: map[string]int64{"": 1}}), "key.limits.model_tokens_per_minute"},
		"limits of too many models":  {limits(&keystorev1.Limits{ModelTokensPerMinute: manyNumbers}), "key.limits.model_tokens_per_minute"},
		"model patterns":             {limits(&keystorev1.Limits{Models: []string{"*", "gpt-*", "a/b:c"}}), ""},
		"a star within":              {limits(&keystorev1.Limits{Models: []string{"a", "g*t"}}), "key.limits.models[1]"},
		"two stars":                  {limits(&keystorev1.Limits{Models: []string{"gpt-**"}}), "key.limits.models[0]"},
		"an empty model":             {limits(&keystorev1.Limits{Models: []string{""}}), "key.limits.models[0]"},
		"too many models":            {limits(&keystorev1.Limits{Models: many(1001)}), "key.limits.models"},
		"an empty route":             {limits(&keystorev1.Limits{Routes: []string{""}}), "key.limits.routes[0]"},
		"each in bounds, not in all": {&keystorev1.Key{Tags: huge, Limits: &keystorev1.Limits{Models: huge, Routes: huge}}, "key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := f.Issue(t.Context(), tc.key, secret.String{})
			if tc.param == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, name, err, errs.InvalidRequest, tc.param)
		})
	}
}

func TestUpdatesAreChecked(t *testing.T) {
	f := newFixture(t)
	key, _ := f.issue(t, &keystorev1.Key{ExpiresMillis: f.in(time.Minute)})
	for _, tc := range []struct {
		field, param string
		values       *keystorev1.Key
	}{
		{"expires_millis", "key.expires_millis", &keystorev1.Key{ExpiresMillis: f.in(0)}},
		{"limits.models", "key.limits.models[0]", &keystorev1.Key{Limits: &keystorev1.Limits{Models: []string{"*x"}}}},
		{"scopes", "key.scopes[0]", &keystorev1.Key{Scopes: []string{"root"}}},
		{"metadata", "key.metadata", &keystorev1.Key{Metadata: []byte("1")}},
	} {
		_, err := f.Update(t.Context(), byID(key.GetId()), tc.values, []string{tc.field})
		wantError(t, tc.field, err, errs.InvalidRequest, tc.param)
	}
	f.clock.Advance(time.Hour)
	if _, err := f.Update(t.Context(), byID(key.GetId()), &keystorev1.Key{UserId: "u"}, []string{"user_id"}); err != nil {
		t.Errorf("an expired key can't be changed: %v", err)
	}
}

func TestTenantsAreChecked(t *testing.T) {
	f := newFixture(t)
	members := func(m ...*keystorev1.Member) *keystorev1.Tenant { return &keystorev1.Tenant{Id: "t", Members: m} }
	for name, tc := range map[string]struct {
		tenant *keystorev1.Tenant
		param  string
	}{
		"an id too long":       {&keystorev1.Tenant{Id: strings.Repeat("x", 129)}, "tenant.id"},
		"an id with a space":   {&keystorev1.Tenant{Id: "a b"}, "tenant.id"},
		"an id not of ASCII":   {&keystorev1.Tenant{Id: "ä"}, "tenant.id"},
		"a platform likewise":  {&keystorev1.Tenant{Id: "t", PlatformId: "a\x00"}, "tenant.platform_id"},
		"an alias too long":    {&keystorev1.Tenant{Alias: strings.Repeat("x", 257)}, "tenant.alias"},
		"a creation":           {&keystorev1.Tenant{CreatedMillis: 1}, "tenant.created_millis"},
		"a change":             {&keystorev1.Tenant{UpdatedMillis: 1}, "tenant.updated_millis"},
		"providers":            {&keystorev1.Tenant{CredentialProviders: []string{"openai"}}, "tenant.credential_providers"},
		"a negative limit":     {&keystorev1.Tenant{Limits: &keystorev1.Limits{TokensPerMinute: proto.Int64(-1)}}, "tenant.limits.tokens_per_minute"},
		"metadata no object":   {&keystorev1.Tenant{Metadata: []byte(`"x"`)}, "tenant.metadata"},
		"an unknown role":      {members(&keystorev1.Member{UserId: "u", Role: "owner"}), "tenant.members[0].role"},
		"a person unnamed":     {members(&keystorev1.Member{Role: "user"}), "tenant.members[0].user_id"},
		"a person twice":       {members(&keystorev1.Member{UserId: "u", Role: "user"}, &keystorev1.Member{UserId: "u", Role: "admin"}), "tenant.members[1].user_id"},
		"a person of nothing":  {members(nil), "tenant.members[0].user_id"},
		"too many people":      {members(make([]*keystorev1.Member, 1001)...), "tenant.members"},
		"a profile of symbols": {&keystorev1.Tenant{CompressionProfile: "%"}, "tenant.compression_profile"},
	} {
		_, err := f.PutTenant(t.Context(), tc.tenant, nil)
		wantError(t, name, err, errs.InvalidRequest, tc.param)
	}
	found, _, err := f.Tenants(t.Context(), 0, "")
	if err != nil || len(found) != 0 {
		t.Errorf("refused tenants were kept: %v, %v", found, err)
	}
}
