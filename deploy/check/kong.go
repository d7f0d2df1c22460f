package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

const kongFile = "deploy/kong/kong.yml"

// kongConfig is of Kong's declarative format what deploy/kong uses.
type kongConfig struct {
	Format   string `yaml:"_format_version"`
	Services []struct {
		Name, Host, Protocol string
		Port, Retries        int
		ConnectTimeout       int `yaml:"connect_timeout"`
		ReadTimeout          int `yaml:"read_timeout"`
		WriteTimeout         int `yaml:"write_timeout"`
		Routes               []kongRoute
		Plugins              []kongPlugin
	}
	Routes  []kongRoute
	Plugins []kongPlugin
}

type kongRoute struct {
	Name           string
	Paths, Methods []string
	StripPath      *bool `yaml:"strip_path"`
	Plugins        []kongPlugin
}

type kongPlugin struct {
	Name   string
	Config map[string]any
}

// kongPlugins come with Kong's image.
var kongPlugins = []string{"correlation-id", "prometheus", "rate-limiting", "request-size-limiting", "request-termination"}

// notForKong are paths that must not lead to Tollgate through it.
var notForKong = []string{"/v1/chat/completions", "/chat/completions", "/v1/embeddings", "/v1/messages", "/metrics", "/health", "/tollgate.budget.v1.BudgetService/GetBudget"}

// forKong are management routes that must.
var forKong = []string{"/key/generate", "/key/info", "/team/new", "/spend/logs", "/global/spend", "/global/spend/keys", "/model/info", "/v1/models", "/v1/cache/invalidate"}

// checkKong checks that management goes through it, that model traffic does not, and that both have somewhere to go.
func checkKong(f *findings, project *types.Project) {
	var cfg kongConfig
	if !f.decode(kongFile, &cfg) {
		return
	}
	if cfg.Format != "3.0" {
		f.addf(kongFile, "_format_version is %q", cfg.Format)
	}
	names := map[string]bool{}
	plugins := slices.Clone(cfg.Plugins)
	routes := func(list []kongRoute) {
		for _, r := range list {
			if r.Name == "" || names[r.Name] {
				f.addf(kongFile, "route %q: no name of its own", r.Name)
			}
			names[r.Name] = true
			if len(r.Paths) == 0 || r.StripPath == nil || *r.StripPath {
				f.addf(kongFile, "route %s: no paths, or not passed on as they are", r.Name)
			}
			plugins = append(plugins, r.Plugins...)
		}
	}
	routes(cfg.Routes)
	for _, s := range cfg.Services {
		checkReach(f, kongFile, project, "kong", s.Host, strconv.Itoa(s.Port))
		if s.Retries != 0 {
			f.addf(kongFile, "service %s: repeats what may have been done", s.Name)
		}
		routes(s.Routes)
		plugins = append(plugins, s.Plugins...)
	}
	for _, p := range plugins {
		if !slices.Contains(kongPlugins, p.Name) {
			f.addf(kongFile, "plugin %q does not come with Kong", p.Name)
		}
	}
	for _, path := range notForKong {
		if s := cfg.route(path); s != "" {
			f.addf(kongFile, "%s goes to %s", path, s)
		}
	}
	for _, path := range forKong {
		if s := cfg.route(path); s == "" {
			f.addf(kongFile, "%s goes nowhere", path)
		}
	}
}

// route is the service that a path goes to, whatever its method; the longest path of a route decides.
func (c *kongConfig) route(path string) string {
	to, longest := "", -1
	match := func(routes []kongRoute, service string) {
		for _, r := range routes {
			for _, p := range r.Paths {
				if strings.HasPrefix(path, p) && len(p) > longest {
					to, longest = service, len(p)
				}
			}
		}
	}
	match(c.Routes, "")
	for _, s := range c.Services {
		match(s.Routes, s.Name)
	}
	return to
}
