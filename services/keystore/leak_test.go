package keystore_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

// Neither the database's files nor the log nor an error may hold a secret, the handle
// with which it could be used at the service, or a provider's credential.
func TestNothingLeaks(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "marker-tenant")
	var said strings.Builder
	hear := func(err error) {
		if err != nil {
			for e := err; e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(&said, "%v %+v\n", e, e)
			}
		}
	}
	key, first := f.issue(t, &keystorev1.Key{TenantId: "marker-tenant"})
	chosen := secret.New("sk-chosen-by-the-caller-0123")
	_, _, err := f.Issue(t.Context(), nil, chosen)
	hear(err)
	_, _, err = f.Issue(t.Context(), nil, chosen)
	hear(err)
	malformed := secret.New("malformed secret of a caller")
	_, _, err = f.Issue(t.Context(), nil, malformed)
	hear(err)
	_, second, err := f.Rotate(t.Context(), byID(key.GetId()), time.Hour, secret.String{}, "root")
	hear(err)
	_, _, err = f.Rotate(t.Context(), byID(key.GetId()), time.Hour, chosen, "root")
	hear(err)
	_, err = f.resolve(t, secret.New("sk-unknown-unknown-unknown"))
	hear(err)
	credential := secret.New("sk-ant-a-credential-of-a-tenant")
	hear(f.PutCredential(t.Context(), "marker-tenant", "anthropic", keystore.Credential{APIKey: credential}))
	badCredential := secret.New("bad credential\n")
	hear(f.PutCredential(t.Context(), "marker-tenant", "openai", keystore.Credential{APIKey: badCredential}))
	list, err := f.List(t.Context(), keystore.KeyFilter{})
	hear(err)
	tenants, _, err := f.Tenants(t.Context(), 0, "")
	hear(err)
	fmt.Fprintf(&said, "%v %v", list, tenants)
	if said.Len() == 0 {
		t.Fatal("nothing was said")
	}

	var files bytes.Buffer
	names, err := filepath.Glob(f.path + "*") // with the write-ahead log
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files.Write(b)
	}
	if !bytes.Contains(files.Bytes(), []byte("marker-tenant")) {
		t.Fatal("the files hold nothing of what was written")
	}
	for place, text := range map[string]string{"the database": files.String(), "the log": f.log.String(), "errors and listings": said.String()} {
		for name, value := range map[string]secret.String{
			"a secret": first, "a rotated secret": second, "a chosen secret": chosen, "a malformed secret": malformed,
			"a credential": credential, "a malformed credential": badCredential,
		} {
			if strings.Contains(text, value.Reveal()) {
				t.Errorf("%s holds %s", place, name)
			}
			handle := keystore.Handle(value)
			if strings.Contains(text, string(handle[:])) || strings.Contains(strings.ToLower(text), hex.EncodeToString(handle[:])) {
				t.Errorf("%s holds the handle of %s", place, name)
			}
		}
	}
}
