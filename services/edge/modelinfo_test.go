package edge_test

import (
	"encoding/json"
	"net/http"
	"testing"
)

// What a token is charged at is what `/model/info` shows of it.
func TestModelInfoShowsTheRates(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.window = `"cache_creation_input_token_cost_above_1hr": 3e-6,` })
	var info struct {
		Data []struct {
			Info map[string]json.RawMessage `json:"model_info"`
		} `json:"data"`
	}
	a := r.do(http.MethodGet, "/model/info", call{key: acmeKey})
	must(t, json.Unmarshal([]byte(a.body), &info))
	if len(info.Data) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, want := range map[string]string{
		"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000002",
		"cache_creation_input_token_cost": "0.000001", "cache_creation_input_token_cost_above_1hr": "0.000003",
	} {
		if got := string(info.Data[0].Info[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
