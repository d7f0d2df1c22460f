package keystore_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

func TestIssue(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	wanted := &keystorev1.Key{
		Alias: "main", TenantId: "t1", UserId: "u1", Scopes: []string{"admin", "read_only"},
		Limits:   &keystorev1.Limits{Models: []string{"gpt-4o", "claude-*", "*"}, RequestsPerMinute: proto.Int64(0)},
		Metadata: []byte(` {"team": "a"}`), Tags: []string{"x"}, CreatedBy: "root", ExpiresMillis: f.in(time.Hour),
	}
	asked := proto.CloneOf(wanted)
	key, value := f.issue(t, wanted)

	if !proto.Equal(wanted, asked) {
		t.Error("the request was written to")
	}
	if !regexp.MustCompile(`^sk-[0-9A-Za-z]{43}$`).MatchString(value.Reveal()) {
		t.Error("the secret has another form")
	}
	if want := "sk-..." + value.Reveal()[len(value.Reveal())-4:]; key.GetDisplay() != want {
		t.Errorf("display is %q, want %q", key.GetDisplay(), want)
	}
	// The id is what the contract says: the keyed hash of the secret.
	pepper, err := secret.Derive(secret.New("a master secret for tests"), secret.VirtualKeyPepper)
	if err != nil {
		t.Fatal(err)
	}
	handle := keystore.Handle(value)
	mac := hmac.New(sha256.New, pepper[:])
	mac.Write(handle[:])
	if want := hex.EncodeToString(mac.Sum(nil)); key.GetId() != want {
		t.Errorf("id is %s, want %s", key.GetId(), want)
	}
	wanted.Id, wanted.Display = key.GetId(), key.GetDisplay()
	wanted.CreatedMillis, wanted.UpdatedMillis, wanted.UpdatedBy = f.in(0), f.in(0), wanted.GetCreatedBy()
	if !proto.Equal(key, wanted) {
		t.Errorf("got %v, want %v", key, wanted)
	}
	for name, ref := range map[string]*keystorev1.KeyRef{
		"id": byID(key.GetId()), "secret": bySecret(value), "alias": byAlias("main", "t1"), "alias alone": byAlias("main", ""),
	} {
		if got, err := f.Key(t.Context(), ref); err != nil || !proto.Equal(got, key) {
			t.Errorf("by %s: %v, %v", name, got, err)
		}
	}
	if _, second := f.issue(t, nil); second == value {
		t.Error("two keys have one secret")
	}
}

func TestIssueWithAChosenSecret(t *testing.T) {
	f := newFixture(t)
	chosen := secret.New("sk-chosen_by-the-caller")
	key, value, err := f.Issue(t.Context(), nil, chosen)
	if err != nil || value != chosen || key.GetDisplay() != "sk-...ller" {
		t.Fatalf("got %v, %v", key, err)
	}
	f.works(t, "chosen", chosen, 0)
	_, _, err = f.Issue(t.Context(), nil, chosen)
	wantError(t, "again", err, errs.Conflict, "secret")

	_, next, err := f.Rotate(t.Context(), byID(key.GetId()), 0, secret.String{}, "root")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = f.Issue(t.Context(), nil, chosen)
	wantError(t, "the first secret of a key that lives", err, errs.Conflict, "secret")
	other, _ := f.issue(t, nil)
	for name, s := range map[string]secret.String{"current": next, "first": chosen} {
		_, _, err = f.Rotate(t.Context(), byID(other.GetId()), 0, s, "root")
		wantError(t, "another key's "+name+" secret", err, errs.Conflict, "secret")
		_, _, err = f.Rotate(t.Context(), byID(key.GetId()), 0, s, "root")
		wantError(t, "its own "+name+" secret", err, errs.Conflict, "secret")
	}
	for _, bad := range []string{"sk-", "sk-tooshort1234567"[:18], "pk-chosen_by-the-caller", "sk-chosen by the caller", "sk-chosen_by-the-caller\n", "sk-ключключключключ"} {
		_, _, err := f.Issue(t.Context(), nil, secret.New(bad))
		wantError(t, fmt.Sprintf("%d characters", len(bad)), err, errs.InvalidRequest, "secret")
	}
}

func TestRefs(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	f.tenant(t, "t2")
	one, _ := f.issue(t, &keystorev1.Key{TenantId: "t1", Alias: "a"})
	f.issue(t, &keystorev1.Key{TenantId: "t2", Alias: "a"})
	short := &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_SecretSha256{SecretSha256: []byte("short")}}
	elsewhere := byID(one.GetId())
	elsewhere.TenantId = "t2"
	for name, tc := range map[string]struct {
		ref    *keystorev1.KeyRef
		reason errs.Reason
		param  string
	}{
		"none":             {nil, errs.InvalidRequest, "ref"},
		"empty id":         {byID(""), errs.InvalidRequest, "ref"},
		"empty alias":      {byAlias("", "t1"), errs.InvalidRequest, "ref"},
		"short hash":       {short, errs.InvalidRequest, "ref.secret_sha256"},
		"unknown id":       {byID("x"), errs.NotFound, "ref"},
		"id with zero":     {byID("\x00"), errs.NotFound, "ref"},
		"id not UTF-8":     {byID("\xff"), errs.NotFound, "ref"},
		"unknown secret":   {bySecret(secret.New("sk-unknown")), errs.NotFound, "ref"},
		"unknown alias":    {byAlias("b", ""), errs.NotFound, "ref"},
		"another tenant's": {elsewhere, errs.NotFound, "ref"},
		"two of one alias": {byAlias("a", ""), errs.Conflict, "ref.tenant_id"},
	} {
		_, err := f.Key(t.Context(), tc.ref)
		wantError(t, name, err, tc.reason, tc.param)
	}
	if got, err := f.Key(t.Context(), byAlias("a", "t1")); err != nil || got.GetId() != one.GetId() {
		t.Errorf("got %v, %v", got, err)
	}
}

// A key with the master key's secret would be limited on paper, and free to do everything.
func TestMasterKeyIsNoKeysSecret(t *testing.T) {
	f := newFixture(t)
	_, _, err := f.Issue(t.Context(), &keystorev1.Key{}, secret.New(masterText))
	wantError(t, "issued", err, errs.Conflict, "secret")
	key, before := f.issue(t, nil)
	_, _, err = f.Rotate(t.Context(), byID(key.GetId()), 0, secret.New(masterText), "root")
	wantError(t, "rotated", err, errs.Conflict, "secret")
	// The key's own secret stays in use.
	if _, err := f.resolve(t, before); err != nil {
		t.Error(err)
	}
}

func TestConflictsAndMissingTenants(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	f.issue(t, &keystorev1.Key{TenantId: "t1", Alias: "a"})
	free, _ := f.issue(t, &keystorev1.Key{Alias: "a"})
	_, _, err := f.Issue(t.Context(), &keystorev1.Key{TenantId: "t1", Alias: "a"}, secret.String{})
	wantError(t, "alias in use", err, errs.Conflict, "key.alias")
	_, _, err = f.Issue(t.Context(), &keystorev1.Key{TenantId: "t9"}, secret.String{})
	wantError(t, "no such tenant", err, errs.NotFound, "key.tenant_id")
	_, err = f.Update(t.Context(), byID(free.GetId()), &keystorev1.Key{TenantId: "t1"}, []string{"tenant_id"})
	wantError(t, "moved to where the alias is in use", err, errs.Conflict, "key.alias")
	_, err = f.Update(t.Context(), byID(free.GetId()), &keystorev1.Key{TenantId: "t9"}, []string{"tenant_id"})
	wantError(t, "moved to nowhere", err, errs.NotFound, "key.tenant_id")
}

func TestUpdate(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	full := &keystorev1.Key{
		Alias: "a", TenantId: "t1", UserId: "u", Scopes: []string{"admin"}, ExpiresMillis: f.in(time.Hour), Blocked: true,
		Limits:   &keystorev1.Limits{Models: []string{"m"}, TokensPerMinute: proto.Int64(5), ParallelRequests: proto.Int64(2)},
		Metadata: []byte("{}"), Tags: []string{"t"}, Aliases: map[string]string{"x": "y"},
		Cache: &keystorev1.CachePolicy{TtlMillis: 9}, CompressionProfile: "rag", CreatedBy: "root",
	}
	for name, tc := range map[string]struct {
		fields []string
		values *keystorev1.Key
		edit   func(*keystorev1.Key) // from full to what is wanted
	}{
		"nothing": {nil, nil, func(*keystorev1.Key) {}},
		"one field, others in the values stay out": {
			[]string{"user_id"}, &keystorev1.Key{UserId: "v", Alias: "b", Blocked: false},
			func(k *keystorev1.Key) { k.UserId = "v" },
		},
		"by somebody": {
			[]string{"user_id"}, &keystorev1.Key{UserId: "v", UpdatedBy: "ops"},
			func(k *keystorev1.Key) { k.UserId, k.UpdatedBy = "v", "ops" },
		},
		"changed elsewhere": {
			[]string{"updated_by"}, &keystorev1.Key{UpdatedBy: "ops", Alias: "b"},
			func(k *keystorev1.Key) { k.UpdatedBy = "ops" },
		},
		"to zero": {
			[]string{"alias", "blocked", "expires_millis", "scopes", "metadata", "tags", "aliases", "compression_profile", "tenant_id", "user_id"}, nil,
			func(k *keystorev1.Key) {
				*k = keystorev1.Key{Id: k.Id, Display: k.Display, Limits: k.Limits, Cache: k.Cache, CreatedBy: k.CreatedBy, CreatedMillis: k.CreatedMillis}
			},
		},
		"all limits": {
			[]string{"limits"}, &keystorev1.Key{Limits: &keystorev1.Limits{Routes: []string{"/v1/embeddings"}}},
			func(k *keystorev1.Key) { k.Limits = &keystorev1.Limits{Routes: []string{"/v1/embeddings"}} },
		},
		"some limits": {
			[]string{"limits.models", "limits.parallel_requests", "limits.model_requests_per_minute"},
			&keystorev1.Key{Limits: &keystorev1.Limits{Models: []string{"n"}, ModelRequestsPerMinute: map[string]int64{"n": 1}}},
			func(k *keystorev1.Key) {
				k.Limits.Models, k.Limits.ParallelRequests = []string{"n"}, nil
				k.Limits.ModelRequestsPerMinute = map[string]int64{"n": 1}
			},
		},
		"a limit of nothing": {
			[]string{"limits.tokens_per_minute"}, nil,
			func(k *keystorev1.Key) { k.Limits.TokensPerMinute = nil },
		},
		"cache and one of its fields": {
			[]string{"cache", "cache.ttl_millis", "cache.disabled"}, &keystorev1.Key{Cache: &keystorev1.CachePolicy{Disabled: true}},
			func(k *keystorev1.Key) { k.Cache = &keystorev1.CachePolicy{Disabled: true} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, value := f.issue(t, full)
			defer func() {
				if _, err := f.Delete(t.Context(), []*keystorev1.KeyRef{byID(made.GetId())}); err != nil {
					t.Error(err)
				}
			}()
			want := proto.CloneOf(made)
			if len(tc.fields) > 0 {
				want.UpdatedBy = "" // unless this change says
			}
			tc.edit(want)
			f.clock.Advance(time.Second)
			want.UpdatedMillis = made.GetUpdatedMillis()
			if len(tc.fields) > 0 {
				want.UpdatedMillis = f.in(0)
			}
			got, err := f.Update(t.Context(), bySecret(value), tc.values, tc.fields)
			if err != nil || !proto.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
			if stored, err := f.Key(t.Context(), byID(made.GetId())); err != nil || !proto.Equal(stored, want) {
				t.Errorf("stored is %v, %v, want %v", stored, err, want)
			}
		})
	}
}

// Every field of the contract is either for callers to change, or known not to be.
func TestEveryFieldHasItsRule(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	key, _ := f.issue(t, nil)
	updateKey := func(name string) error {
		_, err := f.Update(t.Context(), byID(key.GetId()), nil, []string{name})
		return err
	}
	updateTenant := func(name string) error {
		_, err := f.PutTenant(t.Context(), &keystorev1.Tenant{Id: "t1"}, []string{name})
		return err
	}
	for _, tc := range []struct {
		message protoreflect.ProtoMessage
		prefix  string
		update  func(string) error
		ours    []string
	}{
		{&keystorev1.Key{}, "", updateKey, []string{"id", "display", "created_millis", "created_by", "updated_millis", "grace_until_millis"}},
		{&keystorev1.Limits{}, "limits.", updateKey, nil},
		{&keystorev1.CachePolicy{}, "cache.", updateKey, nil},
		{&keystorev1.Tenant{}, "", updateTenant, []string{"id", "created_millis", "updated_millis", "credential_providers"}},
		{&keystorev1.Limits{}, "limits.", updateTenant, nil},
		{&keystorev1.CachePolicy{}, "cache.", updateTenant, nil},
	} {
		fields := tc.message.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			name := string(fields.Get(i).Name())
			err := tc.update(tc.prefix + name)
			if slices.Contains(tc.ours, name) {
				wantError(t, tc.prefix+name, err, errs.InvalidRequest, "fields")
			} else if err != nil {
				t.Errorf("%s%s: %v", tc.prefix, name, err)
			}
		}
	}
	for _, name := range []string{"", "limits.", "limits.nothing", "cache.x", "Alias", "limits.models.x", "\x00"} {
		wantError(t, name, updateKey(name), errs.InvalidRequest, "fields")
		wantError(t, name, updateTenant(name), errs.InvalidRequest, "fields")
	}
	_, err := f.Update(t.Context(), byID(key.GetId()), &keystorev1.Key{Alias: "x"}, nil)
	wantError(t, "values without fields", err, errs.InvalidRequest, "fields")
}

func TestRotate(t *testing.T) {
	f := newFixture(t)
	made, first := f.issue(t, &keystorev1.Key{ExpiresMillis: f.in(2 * time.Hour)})
	end := made.GetExpiresMillis()
	rotate := func(ref *keystorev1.KeyRef, grace time.Duration) (*keystorev1.Key, secret.String) {
		t.Helper()
		key, value, err := f.Rotate(t.Context(), ref, grace, secret.String{}, "root")
		if err != nil {
			t.Fatal(err)
		}
		if key.GetId() != made.GetId() || key.GetUpdatedBy() != "root" {
			t.Fatalf("got %v", key)
		}
		return key, value
	}

	key, second := rotate(byID(made.GetId()), time.Hour)
	graceEnd := f.in(time.Hour)
	if key.GetGraceUntilMillis() != graceEnd || key.GetDisplay() == made.GetDisplay() {
		t.Errorf("got %v", key)
	}
	f.works(t, "new", second, end)
	f.works(t, "old in its grace", first, graceEnd)
	if got, err := f.Key(t.Context(), bySecret(first)); err != nil || got.GetGraceUntilMillis() != graceEnd {
		t.Errorf("by the old secret: %v, %v", got, err)
	}

	f.clock.Advance(time.Hour)
	f.works(t, "old after its grace", first, -1)
	if _, err := f.Key(t.Context(), bySecret(first)); !errs.Is(err, errs.NotFound) {
		t.Errorf("by the old secret: %v", err)
	}
	if got, err := f.Key(t.Context(), byID(made.GetId())); err != nil || got.GetGraceUntilMillis() != 0 {
		t.Errorf("after the grace: %v, %v", got, err)
	}

	_, third := rotate(bySecret(second), 24*time.Hour)
	f.works(t, "a grace beyond the key's own end", second, end)
	_, fourth := rotate(byID(made.GetId()), time.Minute)
	f.works(t, "the one before the previous", second, -1)
	f.works(t, "previous", third, f.in(time.Minute))
	key, fifth := rotate(byID(made.GetId()), 0)
	f.works(t, "previous without grace", fourth, -1)
	f.works(t, "current", fifth, end)
	if key.GetGraceUntilMillis() != 0 {
		t.Errorf("got %v", key)
	}

	page, err := openStore(t, f.path).Keys(t.Context(), keystore.KeyQuery{ID: made.GetId(), Limit: 1})
	if err != nil || len(page.Records) != 1 || page.Records[0].Previous != "" {
		t.Errorf("a secret that does not work any more is kept: %+v, %v", page, err)
	}

	for _, grace := range []time.Duration{-1, keystore.MaxGrace + 1} {
		_, _, err := f.Rotate(t.Context(), byID(made.GetId()), grace, secret.String{}, "root")
		wantError(t, grace.String(), err, errs.InvalidRequest, "grace_millis")
	}
	_, _, err = f.Rotate(t.Context(), byID("x"), 0, secret.String{}, "root")
	wantError(t, "unknown", err, errs.NotFound, "ref")
}

func TestBlockAndDelete(t *testing.T) {
	f := newFixture(t)
	a, secretA := f.issue(t, &keystorev1.Key{Alias: "a"})
	b, secretB := f.issue(t, &keystorev1.Key{Alias: "b"})
	f.clock.Advance(time.Second)
	for _, blocked := range []bool{true, true, false} {
		key, err := f.SetBlocked(t.Context(), byID(a.GetId()), blocked, "root")
		if err != nil || key.GetBlocked() != blocked || key.GetUpdatedBy() != "root" {
			t.Fatalf("got %v, %v", key, err)
		}
		// The grant comes back all the same: the edge judges it.
		if grant, err := f.resolve(t, secretA); err != nil || grant.GetKey().GetBlocked() != blocked {
			t.Errorf("got %v, %v", grant, err)
		}
	}

	_, err := f.Delete(t.Context(), []*keystorev1.KeyRef{byAlias("a", ""), byAlias("nobody", "")})
	wantError(t, "one is unknown", err, errs.NotFound, "refs[1]")
	f.works(t, "a is still there", secretA, 0)
	_, err = f.Delete(t.Context(), nil)
	wantError(t, "none", err, errs.InvalidRequest, "refs")
	_, err = f.Delete(t.Context(), make([]*keystorev1.KeyRef, 1001))
	wantError(t, "too many", err, errs.InvalidRequest, "refs")

	ids, err := f.Delete(t.Context(), []*keystorev1.KeyRef{byAlias("b", ""), bySecret(secretA), byID(b.GetId())})
	if err != nil || !slices.Equal(ids, []string{b.GetId(), a.GetId()}) {
		t.Errorf("got %v, %v", ids, err)
	}
	f.works(t, "a", secretA, -1)
	f.works(t, "b", secretB, -1)
}

func TestResolve(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	made, value := f.issue(t, &keystorev1.Key{TenantId: "t1", ExpiresMillis: f.in(time.Minute)})
	if _, err := f.PutTenant(t.Context(), &keystorev1.Tenant{Id: "t1", Blocked: true}, []string{"blocked"}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour) // expired, and its tenant blocked: for the edge to judge
	grant, err := f.resolve(t, value)
	if err != nil || !proto.Equal(grant.GetKey(), made) || !grant.GetTenant().GetBlocked() || grant.GetSecretExpiresMillis() != made.GetExpiresMillis() {
		t.Errorf("got %v, %v", grant, err)
	}
	_, free := f.issue(t, nil)
	if grant, err := f.resolve(t, free); err != nil || grant.GetTenant() != nil {
		t.Errorf("got %v, %v", grant, err)
	}
	f.works(t, "unknown", secret.New("sk-unknown-unknown-unknown"), -1)
	for _, n := range []int{0, 31, 33} {
		_, err := f.Resolve(t.Context(), make([]byte, n))
		wantError(t, "a handle of another size", err, errs.InvalidRequest, "secret_sha256")
	}
	// The stored id is no handle: who reads the database can't call with it.
	id, err := hex.DecodeString(made.GetId())
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Resolve(t.Context(), id)
	wantError(t, "the id as a handle", err, errs.InvalidAPIKey, "")
}

func TestList(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	var want []string
	for i := range 5 {
		f.clock.Advance(time.Duration(i%2) * time.Millisecond) // some are made at one time
		key, _ := f.issue(t, &keystorev1.Key{TenantId: "t1", UserId: fmt.Sprintf("u%d", i%2)})
		want = append(want, key.GetId())
	}
	f.issue(t, &keystorev1.Key{Alias: "free"})
	slices.Sort(want)
	var got []string
	filter := keystore.KeyFilter{TenantID: "t1", Limit: 2}
	for pages := 0; pages == 0 || filter.Cursor != ""; pages++ {
		list, err := f.List(t.Context(), filter)
		if err != nil || list.Total != 5 || len(list.Keys) > 2 {
			t.Fatalf("got %+v, %v", list, err)
		}
		for _, key := range list.Keys {
			got = append(got, key.GetId())
		}
		filter.Cursor = list.NextCursor
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, tc := range map[string]struct {
		filter keystore.KeyFilter
		keys   int
		total  int64
	}{
		"all":                {keystore.KeyFilter{}, 6, 6},
		"by user":            {keystore.KeyFilter{TenantID: "t1", UserID: "u1"}, 2, 2},
		"by alias":           {keystore.KeyFilter{Alias: "free"}, 1, 1},
		"by offset":          {keystore.KeyFilter{Offset: 4, Limit: 5}, 2, 6},
		"an exact last page": {keystore.KeyFilter{Offset: 4, Limit: 2}, 2, 6},
		"of nobody":          {keystore.KeyFilter{TenantID: "t2"}, 0, 0},
		"a name with zero":   {keystore.KeyFilter{UserID: "\x00"}, 0, 0},
	} {
		list, err := f.List(t.Context(), tc.filter)
		if err != nil || len(list.Keys) != tc.keys || list.Total != tc.total || list.NextCursor != "" {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
	for param, filter := range map[string]keystore.KeyFilter{
		"limit": {Limit: 1001}, "cursor": {Cursor: "%"}, "offset": {Offset: -1},
	} {
		_, err := f.List(t.Context(), filter)
		wantError(t, param, err, errs.InvalidRequest, param)
	}
	_, err := f.List(t.Context(), keystore.KeyFilter{Offset: 1, Cursor: "x"})
	wantError(t, "both", err, errs.InvalidRequest, "offset")
}

func FuzzListCursor(f *testing.F) {
	fix := newFixture(f)
	fix.issue(f, nil)
	fix.clock.Advance(time.Second)
	fix.issue(f, nil)
	list, err := fix.List(f.Context(), keystore.KeyFilter{Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(list.NextCursor)
	f.Add("AAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, cursor string) {
		list, err := fix.List(t.Context(), keystore.KeyFilter{Cursor: cursor})
		if err != nil {
			wantError(t, cursor, err, errs.InvalidRequest, "cursor")
		} else if list.Total != 2 {
			t.Errorf("got %+v", list)
		}
	})
}
