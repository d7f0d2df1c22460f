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

// A model that was trained or set up for somebody is told by its name at the provider.
func TestMade(t *testing.T) {
	for name, want := range map[string]bool{
		"gpt-4o-2024-08-06": false, "anthropic.claude-3-haiku-20240307-v1:0": false, "gemini-2.0-flash": false,
		"ft:gpt-4o-mini-2024-07-18:acme::abc": true, "arn:aws:bedrock:eu-west-1:1:custom-model-deployment/a": true,
		"projects/p/locations/l/endpoints/1": true,
	} {
		m := &model{deployments: []*routerv1.Deployment{{UpstreamModel: "gpt-4o"}, {UpstreamModel: name}}}
		if m.made() != want {
			t.Errorf("%s: %v", name, m.made())
		}
	}
}
