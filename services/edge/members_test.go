package edge

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

func read(t *testing.T, body string, into any) (ignored []string, err error) {
	t.Helper()
	var r reading
	err = r.into([]byte(body), reflect.ValueOf(into).Elem(), "")
	return r.ignored, err
}

func TestReadingFaults(t *testing.T) {
	for name, tc := range map[string]struct{ body, param, says string }{
		"a slip of the pen":           {`{"max_budegt": 1}`, "max_budegt", "did you mean max_budget?"},
		"another spelling":            {`{"maxBudget": 1}`, "maxBudget", "did you mean max_budget?"},
		"another case":                {`{"MODELS": []}`, "MODELS", "did you mean models?"},
		"what nobody knows":           {`{"colour": "red"}`, "colour", `unknown member "colour"`},
		"one of a team's":             {`{"team_alias": "x"}`, "team_alias", "unknown member"},
		"nested":                      {`{"cache": {"tll": 1}}`, "cache.tll", "did you mean cache.ttl?"},
		"in a list":                   {`{"budget_limits": [{"max_budget": 1, "budget_duration": "1d"}, {"max": 1}]}`, "budget_limits[1].max", "unknown member"},
		"a long name":                 {`{"` + strings.Repeat("x", 200) + `": 1}`, strings.Repeat("x", 64) + "…", "unknown member"},
		"twice":                       {`{"models": [], "models": ["a"]}`, "models", "given twice"},
		"twice, spelled otherwise":    {`{"models": [], "model\u0073": ["a"]}`, "models", "given twice"},
		"a text for a number":         {`{"rpm_limit": "60"}`, "rpm_limit", "rpm_limit must be a whole number"},
		"a fraction":                  {`{"tpm_limit": 1.5}`, "tpm_limit", "a whole number"},
		"a number beyond 64 bits":     {`{"rpm_limit": 9223372036854775808}`, "rpm_limit", "a whole number"},
		"a number for a text":         {`{"key_alias": 5}`, "key_alias", "a text"},
		"a text for a list":           {`{"models": "gpt-4o"}`, "models", "a list"},
		"a number in a list of texts": {`{"models": ["a", 2]}`, "models[1]", "a text"},
		"a list for a map":            {`{"aliases": []}`, "aliases", "an object"},
		"a text in a map of numbers":  {`{"model_rpm_limit": {"gpt-4o": "x"}}`, "model_rpm_limit.gpt-4o", "a whole number"},
		"a null in a list":            {`{"models": ["a", null]}`, "models[1]", "a text"},
		"a null in a map":             {`{"model_rpm_limit": {"gpt-4o": null}}`, "model_rpm_limit.gpt-4o", "a whole number"},
		"a null in a list of objects": {`{"budget_limits": [null]}`, "budget_limits[0]", "an object"},
		"a number for a condition":    {`{"blocked": 1}`, "blocked", "true or false"},
		"an amount that is none":      {`{"max_budget": "much"}`, "max_budget", "an amount of dollars"},
		"an amount beyond a budget's": {`{"max_budget": 9300000000}`, "max_budget", "up to 2 billion"},
		"an amount beyond all":        {`{"max_budget": 1e30}`, "max_budget", "an amount of dollars"},
		"ten decimals":                {`{"soft_budget": 0.0000000001}`, "soft_budget", "an amount of dollars"},
		"a limit that is not kept":    {`{"model_max_budget": {"gpt-4o": 5}}`, "model_max_budget", "not supported"},
		"a promise that is not kept":  {`{"auto_rotate": true}`, "auto_rotate", "not supported"},
	} {
		_, err := read(t, tc.body, new(keyRequest))
		e := errs.Of(err)
		if e == nil || e.Param != tc.param || !strings.Contains(e.Message, tc.says) {
			t.Errorf("%s: %+v, want the parameter %q and %q", name, e, tc.param, tc.says)
			continue
		}
		if want := map[bool]errs.Reason{true: errs.UnsupportedParameter, false: errs.InvalidRequest}[tc.says == "not supported"]; e.Reason != want {
			t.Errorf("%s: %s, want %s", name, e.Reason, want)
		}
	}
}

func TestReadingValues(t *testing.T) {
	var got keyRequest
	ignored, err := read(t, `{ "models": ["a", "b"] , "max_budget": 1.5, "rpm_limit": 16.0, "blocked": false, "metadata": {"a": [1, {}]},
		"model_rpm_limit": {"m": 3}, "budget_limits": [{"budget_duration": "1d", "max_budget": "2"}], "cache": {"ttl": 60}, "key_alias": "",
		"time_zone": "UTC", "aliases": {}, "organization_id": "o", "guardrails": ["g"], "config": {}, "send_invite_email": false, "spend": 0,
		"permissions": { }, "auto_rotate": false, "model_max_budget": null, "budget_id": ""}`, &got)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"organization_id", "guardrails"}; !slices.Equal(ignored, want) {
		t.Errorf("ignored are %q, want %q", ignored, want)
	}
	half, two, sixteen, no, empty := 1500*money.Dollar/1000, 2*money.Dollar, int64(16), false, ""
	want := keyRequest{
		limitsRequest: limitsRequest{
			Models: []string{"a", "b"}, MaxBudget: &half, RPM: &sixteen, Blocked: &no, Metadata: json.RawMessage(`{"a": [1, {}]}`),
			ModelRPM: map[string]int64{"m": 3}, BudgetLimits: []budgetLimit{{"1d", &two}}, Cache: &cacheRequest{TTL: 60}, TimeZone: "UTC",
		},
		KeyAlias: &empty, Aliases: map[string]string{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

// A null says nothing, and an empty list empties.
func TestReadingNullAndEmpty(t *testing.T) {
	var null, empty keyRequest
	if _, err := read(t, `{"models": null, "rpm_limit": null, "metadata": null, "aliases": null, "blocked": null, "cache": null}`, &null); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(null, keyRequest{}) {
		t.Errorf("nulls are read as %+v", null)
	}
	if _, err := read(t, `{"models": [], "tags": [ ]}`, &empty); err != nil {
		t.Fatal(err)
	}
	if empty.Models == nil || empty.Tags == nil || empty.Routes != nil {
		t.Errorf("empty lists are read as %+v", empty)
	}
}

// No member may stand in two of the lists: which one counts would be chance.
func TestContractsNameEachMemberOnce(t *testing.T) {
	for name, body := range map[string]any{"key": keyRequest{}, "regenerate": regenerateRequest{}, "team": teamRequest{}, "member": member{}} {
		v := reflect.New(reflect.TypeOf(body)).Elem()
		fields := make(map[string]reflect.Value)
		membersOf(v, fields)
		c := body.(contracted).beyond()
		seen := make(map[string]bool)
		for _, member := range slices.Concat(c.ignored, c.refused) {
			if _, known := fields[member]; known || seen[member] {
				t.Errorf("%s: %s stands there twice", name, member)
			}
			seen[member] = true
		}
	}
}

func TestParametersHaveTheCallersNames(t *testing.T) {
	for of, want := range map[string]string{
		"key.limits.models[3]": "models[3]", "key.limits.requests_per_minute": "rpm_limit", "tenant.members[1].user_id": "members_with_roles[1].user_id",
		"key.metadata": "metadata", "refs[0]": "keys[0]", "refs[2]": "key_aliases[0]", "refs[3].tenant_id": "key_aliases[1]", "max_budget": "max_budget", "": "",
	} {
		err := renamed(blameRef(errs.New(errs.InvalidRequest, "no").WithParam(of), 2), managementNames)
		if got := errs.Of(err).Param; got != want {
			t.Errorf("%q is %q, want %q", of, got, want)
		}
	}
	if err := renamed(nil, managementNames); err != nil {
		t.Errorf("no error became %v", err)
	}
}
