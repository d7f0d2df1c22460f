package edge

import (
	"slices"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
)

// TestUpstream tells a model from one of the same name that others answer, and not from itself
// with other weights, credentials or copies.
func TestUpstream(t *testing.T) {
	type of = routerv1.Deployment
	base := []*of{
		{Id: "a", Provider: "openai", UpstreamModel: "gpt-4o", ApiBase: "https://one.example/v1"},
		{Id: "b", Provider: "openai", UpstreamModel: "gpt-4o-mini"},
	}
	same := func(deployments ...*of) bool { return upstreamOf(deployments) == upstreamOf(base) }
	turned := slices.Clone(base)
	slices.Reverse(turned)
	if !same(turned...) || !same(append(turned, &of{Id: "c", Provider: "openai", UpstreamModel: "gpt-4o-mini", CooldownUntilMillis: 7})...) {
		t.Error("order, copies, ids or rests make another model")
	}
	for name, deployments := range map[string][]*of{
		"none":             nil,
		"one fewer":        base[:1],
		"another name":     {base[0], {Provider: "openai", UpstreamModel: "gpt-4.1"}},
		"another provider": {base[0], {Provider: "groq", UpstreamModel: "gpt-4o-mini"}},
		"another address":  {base[0], {Provider: "openai", UpstreamModel: "gpt-4o-mini", ApiBase: "https://two.example/v1"}},
		"a simulator":      {base[0], {Provider: "openai", UpstreamModel: "gpt-4o-mini", Simulated: true}},
		"other bounds":     {base[0], {Provider: "openaig", UpstreamModel: "pt-4o-mini"}},
	} {
		if same(deployments...) {
			t.Errorf("%s makes no other model", name)
		}
	}
	at := func(address string) string {
		return upstreamOf([]*of{{Provider: "openai", UpstreamModel: "gpt-4o", ApiBase: address, Simulated: true}})
	}
	if at("http://127.0.0.1:1") != at("http://127.0.0.1:2") {
		t.Error("where the simulator listens makes another model")
	}
}
