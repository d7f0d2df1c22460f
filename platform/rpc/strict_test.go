package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/rpc"
)

type issuer struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler
}

func (issuer) IssueKey(_ context.Context, req *keystorev1.IssueKeyRequest) (*keystorev1.IssueKeyResponse, error) {
	return &keystorev1.IssueKeyResponse{Key: req.GetKey()}, nil
}

// issue posts a body to IssueKey, as curl does.
func issue(t *testing.T, kind string, body []byte) (status int, answer []byte) {
	t.Helper()
	return post(t, keystorev1connect.KeystoreServiceIssueKeyProcedure, kind, body)
}

func post(t *testing.T, procedure, kind string, body []byte) (status int, answer []byte) {
	t.Helper()
	server := rpc.NewServer()
	keystorev1connect.RegisterKeystoreServiceHandler(server, issuer{})
	budgetv1connect.RegisterBudgetServiceHandler(server, budgetv1connect.UnimplementedBudgetServiceHandler{})
	mux := http.NewServeMux()
	rpc.Mount(mux, server)
	web := httptest.NewServer(mux)
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+procedure, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestJSONIsReadStrictly refuses what a message does not have, by its place, and without a
// word of any value.
func TestJSONIsReadStrictly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, says, param string }{
		"a slip":             {`{"key":{"alis":"private"}}`, `unknown member "key.alis"; did you mean "key.alias"?`, "key.alis"},
		"at the top":         {`{"kee":{"alias":"private"}}`, `unknown member "kee"; did you mean "key"?`, "kee"},
		"nobody's":           {`{"key":{"zzzzzzzz":"private"}}`, `unknown member "key.zzzzzzzz"`, "key.zzzzzzzz"},
		"deep":               {`{"key":{"limits":{"requestPerMinute":"private"}}}`, `did you mean "key.limits.requestsPerMinute"?`, "key.limits.requestPerMinute"},
		"after what is fine": {`{"key":{"alias":"a","limits":{"models":["m"]},"sopes":[]}}`, `did you mean "key.scopes"?`, "key.sopes"},
		"a wrong kind":       {`{"key":{"limits":{"models":"private"}}}`, `the value of "key.limits.models" is not of its kind`, "key.limits.models"},
		"a number":           {`{"key":{"expiresMillis":"private"}}`, `the value of "key.expiresMillis" is not of its kind`, "key.expiresMillis"},
		"in a map":           {`{"key":{"limits":{"modelRequestsPerMinute":{"m":"private"}}}}`, `the value of "key.limits.modelRequestsPerMinute"`, "key.limits.modelRequestsPerMinute"},
		"no object":          {`["private"]`, "the body is no tollgate.keystore.v1.IssueKeyRequest", ""},
		"given twice":        {`{"key":{},"key":{"alias":"private"}}`, "the body is no tollgate.keystore.v1.IssueKeyRequest", ""},
		"no JSON":            {`{"key":{"alias":"private"}`, "the body is no valid JSON", ""},
		"a long name":        {`{"` + strings.Repeat("n", 5000) + `":1}`, strings.Repeat("n", 64) + `…"`, strings.Repeat("n", 64) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := issue(t, "application/json", []byte(test.body))
			var said struct {
				Code, Message string
				Details       []struct {
					Type  string
					Debug struct{ Reason, Param string }
				}
			}
			if err := json.Unmarshal(answer, &said); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if status != http.StatusBadRequest || said.Code != "invalid_argument" || !strings.Contains(said.Message, test.says) {
				t.Errorf("%d %s", status, answer)
			}
			if strings.Contains(said.Message, "private") || len(said.Message) > 300 {
				t.Errorf("the error repeats the body: %s", said.Message)
			}
			if len(said.Details) != 1 || said.Details[0].Debug.Reason != "invalid_request" || said.Details[0].Debug.Param != test.param {
				t.Errorf("the details are %+v", said.Details)
			}
		})
	}
}

// TestJSONValuesOfAKind says which name of an enum was meant, and that a number is too large.
func TestJSONValuesOfAKind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ procedure, body, says string }{
		"an enum's slip": {
			budgetv1connect.BudgetServiceGetSpendProcedure, `{"group":"SPEND_GROUP_MODELL"}`,
			`the value of \"group\" is none of its names; did you mean \"SPEND_GROUP_MODEL\"?`,
		},
		"deeper": {
			budgetv1connect.BudgetServicePutBudgetProcedure, `{"budget":{"scope":{"kind":"SCOPE_KIND_TENAN"}}}`,
			`the value of \"budget.scope.kind\" is none of its names; did you mean \"SCOPE_KIND_TENANT\"?`,
		},
		"in a list": {
			budgetv1connect.BudgetServiceListBudgetsProcedure, `{"scopes":[{"kind":"SCOPE_KIND_USR"}]}`,
			`the value of \"scopes[0].kind\" is none of its names; did you mean \"SCOPE_KIND_USER\"?`,
		},
		"nobody's":  {budgetv1connect.BudgetServiceGetSpendProcedure, `{"group":"private"}`, `the value of \"group\" is none of its names"`},
		"too large": {budgetv1connect.BudgetServicePutBudgetProcedure, `{"budget":{"limitNanos":"99999999999999999999"}}`, `the value of \"budget.limitNanos\" is out of range`},
		"too large, as a number": {
			budgetv1connect.BudgetServiceListUsageProcedure, `{"limit":9999999999}`, `the value of \"limit\" is out of range`,
		},
	} {
		status, answer := post(t, test.procedure, "application/json", []byte(test.body))
		if status != http.StatusBadRequest || !strings.Contains(string(answer), test.says) || strings.Contains(string(answer), "private") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

// TestJSONNames takes what a message has, by either of its names.
func TestJSONNames(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"key":{"alias":"a","expiresMillis":"5","limits":{"requestsPerMinute":1,"modelRequestsPerMinute":{"m":2}}}}`,
		`{"key":{"alias":"a","expires_millis":5,"limits":{"requests_per_minute":1,"model_requests_per_minute":{"m":"2"}}}}`,
	} {
		status, answer := issue(t, "application/json", []byte(body))
		var said struct {
			Key struct {
				Alias, ExpiresMillis string
				Limits               struct {
					RequestsPerMinute      string
					ModelRequestsPerMinute map[string]string
				}
			}
		}
		err := json.Unmarshal(answer, &said)
		if err != nil || status != http.StatusOK || said.Key.Alias != "a" || said.Key.ExpiresMillis != "5" ||
			said.Key.Limits.RequestsPerMinute != "1" || said.Key.Limits.ModelRequestsPerMinute["m"] != "2" {
			t.Errorf("%s: %d %s, %v", body, status, answer, err)
		}
	}
}

// TestNewerClients shows that the binary encoding passes over fields that this release does
// not have.
func TestNewerClients(t *testing.T) {
	t.Parallel()
	body, err := proto.Marshal(&keystorev1.IssueKeyRequest{Key: &keystorev1.Key{Alias: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	body = protowire.AppendTag(body, 9999, protowire.BytesType)
	body = protowire.AppendString(body, "of a later release")
	status, answer := issue(t, "application/proto", body)
	var got keystorev1.IssueKeyResponse
	if err := proto.Unmarshal(answer, &got); err != nil || status != http.StatusOK || got.GetKey().GetAlias() != "a" {
		t.Errorf("%d %q, %v", status, answer, err)
	}
}
