// Package storetest says what a keystore.Store must hold to, and is run over each one.
package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/services/keystore"
)

// Open returns two stores on one new, empty database, opened apart, as two processes
// open it. Both are closed when the test ends.
type Open func(t *testing.T) (one, other keystore.Store)

// begin starts one test of the suite.
type begin func() (t *testing.T, one, other keystore.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(begin){
		"keys come back as they went in":         testKeyRoundTrip,
		"keys are found by each of their names":  testKeyQueries,
		"keys come newest first and in pages":    testKeyPages,
		"a key is replaced in its version only":  testKeyVersions,
		"secrets are unique, the previous too":   testSecretsUnique,
		"aliases are unique within a tenant":     testAliasUnique,
		"a key's tenant exists":                  testKeyNeedsTenant,
		"tenants are versioned and come by id":   testTenants,
		"a tenant takes its belongings along":    testTenantCascade,
		"credentials are replaced and dropped":   testCredentials,
		"a batch is applied whole or not at all": testAtomic,
		"changes start with a reset":             testChangesReset,
		"changes come in the order of commits":   testChangesOrder,
		"changes of the other process are seen":  testChangesSeenAcross,
		"changes wait until the context ends":    testChangesWait,
		"a log too long is read in parts":        testChangesLong,
		"a reader left behind is reset":          testChangesCut,
		"no concurrent update is lost":           testConcurrentUpdates,
		"no concurrent change is missed":         testConcurrentChanges,
		"a revocation reaches the other replica": testRevocation,
		"replicas write to one key at once":      testReplicasWriteAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(func() (*testing.T, keystore.Store, keystore.Store) {
				one, other := open(t)
				return t, one, other
			})
		})
	}
}

// hash is a well-formed keyed hash that differs by n.
func hash(n int) string { return fmt.Sprintf("%064x", n) }

// key is the nth key, with its nth secret.
func key(n int, edit ...func(*keystorev1.Key)) keystore.KeyRecord {
	k := &keystorev1.Key{Id: hash(n), Display: "sk-...abcd", CreatedMillis: int64(1000 + n), UpdatedMillis: 1}
	for _, e := range edit {
		e(k)
	}
	return keystore.KeyRecord{Key: k, Secret: hash(n)}
}

func of(tenant string) func(*keystorev1.Key) {
	return func(k *keystorev1.Key) { k.TenantId = tenant }
}

func called(alias string) func(*keystorev1.Key) {
	return func(k *keystorev1.Key) { k.Alias = alias }
}

func tenant(id string) keystore.PutTenant {
	return keystore.PutTenant{Record: keystore.TenantRecord{Tenant: &keystorev1.Tenant{Id: id}}}
}

func apply(t *testing.T, s keystore.Store, batch ...keystore.Mutation) keystore.Applied {
	t.Helper()
	applied, err := s.Apply(t.Context(), batch)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return applied
}

func put(records ...keystore.KeyRecord) []keystore.Mutation {
	batch := make([]keystore.Mutation, len(records))
	for i, rec := range records {
		batch[i] = keystore.PutKey{Record: rec}
	}
	return batch
}

func refuse(t *testing.T, s keystore.Store, want error, batch ...keystore.Mutation) {
	t.Helper()
	if _, err := s.Apply(t.Context(), batch); !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func refuseTaken(t *testing.T, s keystore.Store, want keystore.UniqueName, batch ...keystore.Mutation) {
	t.Helper()
	_, err := s.Apply(t.Context(), batch)
	if taken, ok := errors.AsType[*keystore.TakenError](err); !ok || taken.Name != want {
		t.Fatalf("got %v, want the %s to be taken", err, want)
	}
}

func find(t *testing.T, s keystore.Store, q keystore.KeyQuery) keystore.KeyPage {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := s.Keys(t.Context(), q)
	if err != nil {
		t.Fatalf("keys %+v: %v", q, err)
	}
	return page
}

// names lists the numbers of the keys found.
func names(page keystore.KeyPage) string {
	var out []string
	for _, rec := range page.Records {
		out = append(out, strings.TrimLeft(rec.Key.GetId(), "0"))
	}
	return strings.Join(out, " ")
}

func tenants(t *testing.T, s keystore.Store, q keystore.TenantQuery) []keystore.TenantRecord {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	found, err := s.Tenants(t.Context(), q)
	if err != nil {
		t.Fatalf("tenants %+v: %v", q, err)
	}
	return found
}

func testKeyRoundTrip(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("t1"))
	rec := key(1, of("t1"), called("Ключ 🔑"), func(k *keystorev1.Key) {
		k.UserId, k.Scopes, k.Metadata = "u1", []string{"admin"}, []byte(`{"a":1}`)
		k.Limits = &keystorev1.Limits{
			Models: []string{"gpt-*"}, RequestsPerMinute: new(int64),
			ModelTokensPerMinute: map[string]int64{"m": 1 << 60},
		}
		k.Cache = &keystorev1.CachePolicy{TtlMillis: 5}
		k.ExpiresMillis = 1 << 50
	})
	rec.Previous, rec.PreviousUntil = hash(2), 77
	apply(t, one, put(rec)...)
	page := find(t, other, keystore.KeyQuery{ID: hash(1)})
	if len(page.Records) != 1 {
		t.Fatalf("found %d records", len(page.Records))
	}
	got := page.Records[0]
	if !proto.Equal(got.Key, rec.Key) {
		t.Errorf("key is %v, want %v", got.Key, rec.Key)
	}
	if got.Secret != rec.Secret || got.Previous != rec.Previous || got.PreviousUntil != 77 || got.Version != 1 {
		t.Errorf("record is %+v", got)
	}
	got.Previous, got.PreviousUntil = "", 0
	apply(t, other, put(got)...)
	if got := find(t, one, keystore.KeyQuery{ID: hash(1)}).Records[0]; got.Previous != "" || got.PreviousUntil != 0 || got.Version != 2 {
		t.Errorf("after dropping the previous secret the record is %+v", got)
	}
	if n := len(find(t, one, keystore.KeyQuery{Secret: hash(2)}).Records); n != 0 {
		t.Error("a dropped secret still finds its key")
	}
}

func testKeyQueries(begin begin) {
	t, one, other := begin()
	user := func(k *keystorev1.Key) { k.UserId = "u" }
	rotated := key(3, of("t2"), called("a"))
	rotated.Secret, rotated.Previous, rotated.PreviousUntil = hash(30), hash(3), 5
	apply(t, one, tenant("t1"), tenant("t2"))
	apply(t, one, put(key(1, called("a")), key(2, of("t1"), called("a"), user), rotated, key(4, of("t1"), user))...)
	for _, tc := range []struct {
		query keystore.KeyQuery
		want  string
	}{
		{keystore.KeyQuery{}, "4 3 2 1"},
		{keystore.KeyQuery{ID: hash(2)}, "2"},
		{keystore.KeyQuery{ID: hash(9)}, ""},
		{keystore.KeyQuery{ID: hash(2), TenantID: "t2"}, ""},
		{keystore.KeyQuery{Secret: hash(1)}, "1"},
		{keystore.KeyQuery{Secret: hash(30)}, "3"},
		{keystore.KeyQuery{Secret: hash(3)}, "3"},
		{keystore.KeyQuery{Secret: hash(31)}, ""},
		{keystore.KeyQuery{Alias: "a"}, "3 2 1"},
		{keystore.KeyQuery{Alias: "A"}, ""},
		{keystore.KeyQuery{Alias: "a", TenantID: "t1"}, "2"},
		{keystore.KeyQuery{TenantID: "t1"}, "4 2"},
		{keystore.KeyQuery{UserID: "u"}, "4 2"},
		{keystore.KeyQuery{TenantID: "' OR 1=1 --"}, ""},
	} {
		tc.query.Count = true
		page := find(t, other, tc.query)
		if got := names(page); got != tc.want {
			t.Errorf("%+v finds %q, want %q", tc.query, got, tc.want)
		}
		if page.Total != int64(len(page.Records)) {
			t.Errorf("%+v counts %d", tc.query, page.Total)
		}
	}
	if find(t, one, keystore.KeyQuery{}).Total != 0 {
		t.Error("the total was not asked for")
	}
}

func testKeyPages(begin begin) {
	t, one, _ := begin()
	same := func(k *keystorev1.Key) { k.CreatedMillis = 5000 }
	apply(t, one, put(key(1), key(2), key(3, same), key(4, same), key(5, same), key(6))...)
	const all = "5 4 3 6 2 1"
	if got := names(find(t, one, keystore.KeyQuery{})); got != all {
		t.Fatalf("order is %q, want %q", got, all)
	}
	var pages []string
	var after keystore.KeyPosition
	for {
		page := find(t, one, keystore.KeyQuery{After: after, Limit: 2, Count: true})
		if page.Total != 6 {
			t.Errorf("total is %d on page %d", page.Total, len(pages))
		}
		if len(page.Records) == 0 {
			break
		}
		pages = append(pages, names(page))
		last := page.Records[len(page.Records)-1].Key
		after = keystore.KeyPosition{CreatedMillis: last.GetCreatedMillis(), ID: last.GetId()}
	}
	if got := strings.Join(pages, "|"); got != "5 4|3 6|2 1" {
		t.Errorf("pages are %q", got)
	}
	if got := names(find(t, one, keystore.KeyQuery{Offset: 3, Limit: 2})); got != "6 2" {
		t.Errorf("offset 3 is %q", got)
	}
	if got := names(find(t, one, keystore.KeyQuery{Offset: 60})); got != "" {
		t.Errorf("behind the end is %q", got)
	}
}

func testKeyVersions(begin begin) {
	t, one, other := begin()
	apply(t, one, put(key(1))...)
	refuseTaken(t, other, keystore.UniqueKeyID, put(key(1))...)
	rec := find(t, one, keystore.KeyQuery{ID: hash(1)}).Records[0]
	apply(t, other, put(rec)...)
	refuse(t, one, keystore.ErrStale, put(rec)...)
	refuse(t, one, keystore.ErrStale, keystore.DropKey{ID: hash(1), Version: rec.Version})
	refuse(t, one, keystore.ErrStale, keystore.DropKey{ID: hash(9), Version: 1})
	apply(t, one, keystore.DropKey{ID: hash(1), Version: rec.Version + 1})
	if got := names(find(t, other, keystore.KeyQuery{})); got != "" {
		t.Errorf("after the drop there is %q", got)
	}
	refuse(t, one, keystore.ErrStale, put(rec)...)
	apply(t, one, put(key(1))...) // its id and secret are free again
}

func testSecretsUnique(begin begin) {
	t, one, other := begin()
	first := key(1)
	first.Secret, first.Previous, first.PreviousUntil = hash(10), hash(1), 5
	apply(t, one, put(first)...)
	for _, taken := range []string{hash(10), hash(1)} {
		second := key(2)
		second.Secret = taken
		refuseTaken(t, other, keystore.UniqueSecret, put(second)...)
	}
	second := key(2)
	second.Previous = hash(10)
	refuseTaken(t, other, keystore.UniqueSecret, put(second)...)
	if got := names(find(t, one, keystore.KeyQuery{})); got != "1" {
		t.Errorf("there are %q", got)
	}
}

func testAliasUnique(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("t1"), tenant("t2"))
	apply(t, one, put(key(1, called("a")), key(2, of("t1"), called("a")), key(3, of("t2"), called("a")), key(4), key(5))...)
	refuseTaken(t, other, keystore.UniqueAlias, put(key(6, called("a")))...)
	refuseTaken(t, other, keystore.UniqueAlias, put(key(6, of("t1"), called("a")))...)
	apply(t, one, put(key(6, of("t1"), called("b")))...)
	rec := find(t, one, keystore.KeyQuery{ID: hash(6)}).Records[0]
	rec.Key.Alias = "a"
	refuseTaken(t, one, keystore.UniqueAlias, put(rec)...)
	rec.Key.Alias, rec.Key.TenantId = "a", ""
	refuseTaken(t, one, keystore.UniqueAlias, put(rec)...)
	rec.Key.Alias = "b"
	apply(t, one, put(rec)...)
	rec.Version++
	apply(t, one, put(rec)...) // its own alias is no other's
}

func testKeyNeedsTenant(begin begin) {
	t, one, _ := begin()
	refuse(t, one, keystore.ErrNoTenant, put(key(1, of("nobody")))...)
	apply(t, one, put(key(1))...)
	rec := find(t, one, keystore.KeyQuery{ID: hash(1)}).Records[0]
	rec.Key.TenantId = "nobody"
	refuse(t, one, keystore.ErrNoTenant, put(rec)...)
	apply(t, one, tenant("t1"), keystore.PutKey{Record: key(2, of("t1"))}) // one batch can bring both
}

func testTenants(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("b"), tenant("B"), tenant("a"), tenant("ä"))
	refuseTaken(t, other, keystore.UniqueTenantID, tenant("a"))
	ids := func(q keystore.TenantQuery) string {
		var out []string
		for _, rec := range tenants(t, other, q) {
			out = append(out, rec.Tenant.GetId())
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct {
		query keystore.TenantQuery
		want  string
	}{
		{keystore.TenantQuery{}, "B a b ä"},
		{keystore.TenantQuery{Limit: 2}, "B a"},
		{keystore.TenantQuery{After: "a"}, "b ä"},
		{keystore.TenantQuery{ID: "b"}, "b"},
		{keystore.TenantQuery{ID: "c"}, ""},
	} {
		if got := ids(tc.query); got != tc.want {
			t.Errorf("%+v finds %q, want %q", tc.query, got, tc.want)
		}
	}
	rec := tenants(t, one, keystore.TenantQuery{ID: "a"})[0]
	rec.Tenant.Members = []*keystorev1.Member{{UserId: "u", Role: "admin"}}
	apply(t, one, keystore.PutTenant{Record: rec})
	refuse(t, other, keystore.ErrStale, keystore.PutTenant{Record: rec})
	refuse(t, other, keystore.ErrStale, keystore.DropTenant{ID: "a", Version: 1})
	if got := tenants(t, other, keystore.TenantQuery{ID: "a"})[0]; got.Version != 2 || !proto.Equal(got.Tenant, rec.Tenant) {
		t.Errorf("tenant is %+v", got)
	}
}

func testTenantCascade(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("t1"), tenant("t2"))
	apply(t, one, put(key(3, of("t1")), key(1, of("t1")), key(2, of("t2")), key(4))...)
	apply(t, one, keystore.PutCredential{TenantID: "t1", Provider: "openai", Sealed: []byte("x")})
	applied := apply(t, other, keystore.DropTenant{ID: "t1", Version: 1})
	if got, want := fmt.Sprint(applied.CascadedKeys), fmt.Sprint([]string{hash(1), hash(3)}); got != want {
		t.Errorf("cascaded %s, want %s", got, want)
	}
	if got := names(find(t, one, keystore.KeyQuery{})); got != "4 2" {
		t.Errorf("there remain %q", got)
	}
	if n := len(find(t, one, keystore.KeyQuery{Secret: hash(1)}).Records); n != 0 {
		t.Error("a secret of a dropped tenant's key still resolves")
	}
	if _, err := one.Credential(t.Context(), "t1", "openai"); !errors.Is(err, keystore.ErrNoCredential) {
		t.Errorf("the credential: %v", err)
	}
}

func testCredentials(begin begin) {
	t, one, other := begin()
	refuse(t, one, keystore.ErrNoTenant, keystore.PutCredential{TenantID: "t1", Provider: "openai", Sealed: []byte("x")})
	apply(t, one, tenant("t1"), keystore.PutCredential{TenantID: "t1", Provider: "openai", Sealed: []byte("x")})
	apply(t, one, keystore.PutCredential{TenantID: "t1", Provider: "openai", Sealed: []byte("\x00y")})
	if got, err := other.Credential(t.Context(), "t1", "openai"); err != nil || string(got) != "\x00y" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, at := range [][2]string{{"t1", "groq"}, {"t2", "openai"}} {
		if _, err := other.Credential(t.Context(), at[0], at[1]); !errors.Is(err, keystore.ErrNoCredential) {
			t.Errorf("%v: %v", at, err)
		}
	}
	apply(t, other, keystore.DropCredential{TenantID: "t1", Provider: "openai"})
	refuse(t, one, keystore.ErrNoCredential, keystore.DropCredential{TenantID: "t1", Provider: "openai"})
}

func testAtomic(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("t1"))
	before := position(t, one)
	refuse(t, one, keystore.ErrStale,
		keystore.PutKey{Record: key(1)}, tenant("t2"),
		keystore.PutCredential{TenantID: "t1", Provider: "openai", Sealed: []byte("x")},
		keystore.DropTenant{ID: "t1", Version: 1},
		keystore.DropKey{ID: hash(9), Version: 1})
	if got := names(find(t, other, keystore.KeyQuery{})); got != "" {
		t.Errorf("key %q was written", got)
	}
	if got := tenants(t, other, keystore.TenantQuery{}); len(got) != 1 || got[0].Version != 1 {
		t.Errorf("tenants are %v", got)
	}
	if _, err := one.Credential(t.Context(), "t1", "openai"); !errors.Is(err, keystore.ErrNoCredential) {
		t.Errorf("the credential: %v", err)
	}
	if after := position(t, other); after != before {
		t.Errorf("the log moved from %d to %d", before, after)
	}
	apply(t, one) // an empty batch is nothing
}
