package edge

import (
	"context"
	"net/http"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/obs"
)

// healthRoutes are what operators and load balancers ask. Only `/health` tells what
// stands behind the gateway, and so needs a key.
func (e *Edge) healthRoutes() []route {
	return []route{
		{http.MethodGet, "/health", e.health},
		{http.MethodGet, "/health/liveness", e.liveness},
		{http.MethodGet, "/health/liveliness", e.liveness},
		{http.MethodGet, "/health/readiness", e.readiness},
		{http.MethodGet, "/model/info", e.modelInfo},
		{http.MethodGet, "/v1/model/info", e.modelInfo},
	}
}

// liveness answers as LiteLLM does: the process serves requests.
func (e *Edge) liveness(x *exchange) error {
	return x.json(http.StatusOK, "I'm alive!")
}

// readiness answers as LiteLLM does, with what its clients look at, and 503 when a
// dependency that calls cannot do without is away.
func (e *Edge) readiness(x *exchange) error {
	report := e.Health.Run(x.r.Context())
	answer := struct {
		Status       string       `json:"status"`
		DB           string       `json:"db"`
		Cache        string       `json:"cache"`
		Version      string       `json:"litellm_version"`
		Dependencies []dependency `json:"dependencies"`
	}{Status: "healthy", DB: "connected", Cache: "local", Version: e.opts.Version}
	if e.opts.SharedCache {
		answer.Cache = "redis"
	}
	for _, r := range report.Results {
		d := dependencyOf(r)
		d.Error = "" // it names hosts and users, and anyone may ask
		answer.Dependencies = append(answer.Dependencies, d)
		if r.Name == "database" && !r.Healthy {
			answer.DB = "disconnected"
		}
	}
	if !report.Ready || len(e.models.Load().names) == 0 {
		answer.Status = "unhealthy"
		return x.json(http.StatusServiceUnavailable, answer)
	}
	return x.json(http.StatusOK, answer)
}

// health answers `GET /health` as LiteLLM does, by deployment, and with the state of
// each dependency. Where things stand, and why they are away, only admins learn. It calls no
// provider: a deployment is unhealthy while it rests after failures.
func (e *Edge) health(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	type endpoint struct {
		Model         string `json:"model"`
		ModelID       string `json:"model_id"`
		ModelName     string `json:"model_name"`
		APIBase       string `json:"api_base"`
		Simulated     bool   `json:"simulated,omitempty"`
		CooldownUntil int64  `json:"cooldown_until,omitempty"`
	}
	answer := struct {
		Status         string       `json:"status"`
		Healthy        []endpoint   `json:"healthy_endpoints"`
		Unhealthy      []endpoint   `json:"unhealthy_endpoints"`
		HealthyCount   int          `json:"healthy_count"`
		UnhealthyCount int          `json:"unhealthy_count"`
		Dependencies   []dependency `json:"dependencies"`
	}{Status: "healthy", Healthy: []endpoint{}, Unhealthy: []endpoint{}}
	rests, err := e.resting(x.r.Context())
	if err != nil {
		answer.Status = "unhealthy"
	}
	table := e.models.Load()
	for _, name := range table.names {
		if x.principal.AllowsModel(name) != nil {
			continue
		}
		for _, d := range table.byName[name].deployments {
			ep := endpoint{
				Model: d.GetProvider() + "/" + d.GetUpstreamModel(), ModelID: d.GetId(), ModelName: name, Simulated: d.GetSimulated(),
			}
			if x.principal.Admin {
				ep.APIBase = d.GetApiBase()
			}
			if until, ok := rests[d.GetId()]; ok {
				ep.CooldownUntil = until
				answer.Unhealthy = append(answer.Unhealthy, ep)
				continue
			}
			answer.Healthy = append(answer.Healthy, ep)
		}
	}
	answer.HealthyCount, answer.UnhealthyCount = len(answer.Healthy), len(answer.Unhealthy)
	report := e.Health.Run(x.r.Context())
	for _, r := range report.Results {
		d := dependencyOf(r)
		if !x.principal.Admin {
			d.Error = ""
		}
		answer.Dependencies = append(answer.Dependencies, d)
	}
	if !report.Healthy {
		answer.Status = "unhealthy"
	}
	return x.json(http.StatusOK, answer)
}

// resting are the deployments that rest after failures, by id, with when they are tried
// again in Unix milliseconds. The model table stays as it is: whoever asks for the health
// changes nothing.
func (e *Edge) resting(ctx context.Context) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, modelTimeout)
	defer cancel()
	resp, err := e.Services.Router.ListModels(ctx, &routerv1.ListModelsRequest{})
	if err != nil {
		return nil, err
	}
	now, rests := e.Clock.Now().UnixMilli(), make(map[string]int64)
	for _, m := range resp.GetModels() {
		for _, d := range m.GetDeployments() {
			if until := d.GetCooldownUntilMillis(); until > now {
				rests[d.GetId()] = until
			}
		}
	}
	return rests, nil
}

// dependency is one dependency's state, as it is shown.
type dependency struct {
	Name      string  `json:"name"`
	Status    string  `json:"status"`
	Required  bool    `json:"required"`
	Error     string  `json:"error,omitempty"`
	LatencyMs float64 `json:"latency_ms"`
}

func dependencyOf(r obs.Result) dependency {
	d := dependency{Name: r.Name, Status: "up", Required: r.Required, Error: r.Error, LatencyMs: float64(r.Latency.Microseconds()) / 1000}
	if !r.Healthy {
		d.Status = "down"
	}
	return d
}
