package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/spelling"
)

// Service names a part of Tollgate that can run in a process of its own.
type Service string

// The services.
const (
	ServiceEdge       Service = "edge"
	ServiceRouter     Service = "router"
	ServiceCache      Service = "cache"
	ServiceCompressor Service = "compressor"
	ServiceKeystore   Service = "keystore"
	ServiceBudget     Service = "budget"
)

// Services are all services, the edge first.
func Services() []Service {
	return []Service{ServiceEdge, ServiceRouter, ServiceCache, ServiceCompressor, ServiceKeystore, ServiceBudget}
}

// Mesh says which services a process runs, and how it talks to those that run elsewhere.
type Mesh struct {
	// Services run in this process, each once, in the order of [Services].
	Services []Service
	// Addr is where this process serves its services to others; empty serves them to nobody.
	Addr string
	// URLs are the base URLs of services that run elsewhere: scheme, host and port.
	URLs map[Service][]string
	// Token is shared by all processes of a deployment; PreviousToken is taken as well.
	Token, PreviousToken secret.String
	// CertFile, KeyFile and CAFile are all given or none: with them, processes know each other
	// by their certificates.
	CertFile, KeyFile, CAFile string

	unknown bool // a service was named that there is none of
}

// Runs reports whether a service runs in this process.
func (m *Mesh) Runs(s Service) bool { return slices.Contains(m.Services, s) }

// Whole reports whether every service runs in this process.
func (m *Mesh) Whole() bool { return len(m.Services) == len(Services()) }

// Needs are the services that run elsewhere and that those of this process call.
func (m *Mesh) Needs() []Service {
	calls := map[Service][]Service{
		ServiceEdge:   {ServiceRouter, ServiceCache, ServiceCompressor, ServiceKeystore, ServiceBudget},
		ServiceRouter: {ServiceKeystore}, ServiceBudget: {ServiceKeystore},
	}
	var needs []Service
	for _, s := range Services() {
		called := slices.ContainsFunc(m.Services, func(by Service) bool { return slices.Contains(calls[by], s) })
		if called && !m.Runs(s) {
			needs = append(needs, s)
		}
	}
	return needs
}

// Serves reports whether this process runs something that others may call.
func (m *Mesh) Serves() bool {
	return slices.ContainsFunc(m.Services, func(s Service) bool { return s != ServiceEdge })
}

// defaultMeshAddr is where services are served that run apart.
const defaultMeshAddr = "127.0.0.1:4001"

// defaultDrainDelay is how long those who call this process have to learn that it stops,
// where they are other processes.
const defaultDrainDelay = 3 * time.Second

// notGiven is a time that the configuration does not give.
const notGiven time.Duration = -1

func (l *loader) mesh(s *section, m *Mesh) {
	names, at := s.texts("services")
	for i, name := range names {
		l.service(m, at[i], name)
	}
	if text, at := s.text("addr"); text != "" {
		m.Addr = l.address(at, text)
	}
	urls := s.section("urls")
	for _, name := range urls.keys() {
		v := urls.take(name)
		service, known := l.serviceName(v, name)
		if !known {
			continue
		}
		if v, _ := l.follow(v); v.node != nil && v.node.Kind == yaml.ScalarNode {
			text, at := urls.text(name)
			texts := fields(text)
			l.meshURLs(m, service, texts, slices.Repeat([]value{at}, len(texts)))
			continue
		}
		texts, at := urls.texts(name)
		l.meshURLs(m, service, texts, at)
	}
	urls.done(nil)
	m.Token, m.PreviousToken = s.secret("token"), s.secret("previous_token")
	m.CertFile, _ = s.text("cert_file")
	m.KeyFile, _ = s.text("key_file")
	m.CAFile, _ = s.text("ca_file")
	s.done(nil)
}

// service adds a service to those that run here.
func (l *loader) service(m *Mesh, at value, name string) {
	s, ok := l.serviceName(at, name)
	if !ok {
		m.unknown = true
	} else if !m.Runs(s) {
		m.Services = append(m.Services, s)
	}
}

func (l *loader) serviceName(at value, name string) (Service, bool) {
	if slices.Contains(Services(), Service(name)) {
		return Service(name), true
	}
	var known []string
	for _, s := range Services() {
		known = append(known, string(s))
	}
	hint := ""
	if near := spelling.Nearest(name, known); near != "" && !at.env {
		hint = "; did you mean " + near + "?"
	}
	l.errorf(at.line, at.path, "unknown service %s: one of %s%s", at.quote(name), strings.Join(known, ", "), hint)
	return "", false
}

// meshURLs reads where a service is. All of it is one scheme: a process either has
// certificates or has none.
func (l *loader) meshURLs(m *Mesh, s Service, texts []string, at []value) {
	var urls []string
	for i, text := range texts {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https",
			u.User != nil, strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
			l.errorf(at[i].line, at[i].path, "must be http://host:port or https://host:port")
		case !isPort(u.Port()):
			l.errorf(at[i].line, at[i].path, "the port must be 1 to 65535")
		default:
			urls = append(urls, u.Scheme+"://"+u.Host)
		}
	}
	if len(urls) > 0 {
		if m.URLs == nil {
			m.URLs = map[Service][]string{}
		}
		m.URLs[s] = urls
	}
}

// isPort reports whether there is a port of the number.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n != 0
}

// meshVariables reads what the process's environment says of the mesh.
func (l *loader) meshVariables(m *Mesh, lookup func(string) (value, bool)) {
	chosen, given := lookup("TOLLGATE_SERVICES")
	if l.src.Services != "" {
		chosen, given = value{path: "--services", literal: l.src.Services}, true
	}
	if given {
		m.Services = nil
		for _, name := range fields(chosen.literal) {
			l.service(m, chosen, name)
		}
	}
	if v, ok := lookup("TOLLGATE_MESH_ADDR"); ok {
		m.Addr = l.address(v, v.literal)
	}
	for _, s := range Services() {
		if v, ok := lookup("TOLLGATE_" + strings.ToUpper(string(s)) + "_URL"); ok && s != ServiceEdge {
			texts := fields(v.literal)
			l.meshURLs(m, s, texts, slices.Repeat([]value{v}, len(texts)))
		}
	}
	for name, to := range map[string]*secret.String{"TOLLGATE_MESH_TOKEN": &m.Token, "TOLLGATE_MESH_PREVIOUS_TOKEN": &m.PreviousToken} {
		if v, ok := lookup(name); ok {
			*to = secret.New(v.literal)
		}
	}
	for name, to := range map[string]*string{
		"TOLLGATE_MESH_CERT": &m.CertFile, "TOLLGATE_MESH_KEY": &m.KeyFile, "TOLLGATE_MESH_CA": &m.CAFile,
	} {
		if v, ok := lookup(name); ok {
			*to = v.literal
		}
	}
}

// fields are what stands between commas.
func fields(text string) []string {
	var out []string
	for f := range strings.SplitSeq(text, ",") {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// meshWhole fills in what is not given, and checks what depends on one another.
func (l *loader) meshWhole(cfg *Config) {
	m := &cfg.Mesh
	if len(m.Services) == 0 || m.unknown {
		m.Services = Services() // what depends on them would be a guess
	}
	slices.SortFunc(m.Services, func(a, b Service) int {
		return slices.Index(Services(), a) - slices.Index(Services(), b)
	})
	apart := !m.Whole() || m.Addr != ""
	if cfg.Server.DrainDelay == notGiven {
		cfg.Server.DrainDelay = 0
		if apart {
			cfg.Server.DrainDelay = defaultDrainDelay
		}
	}
	if m.Addr == "" && apart && m.Serves() {
		m.Addr = defaultMeshAddr
	}
	if !m.Serves() {
		m.Addr = ""
	}
	for _, s := range m.Needs() {
		name := "TOLLGATE_" + strings.ToUpper(string(s)) + "_URL"
		if len(m.URLs[s]) == 0 {
			l.errorf(0, "mesh.urls."+string(s), "is not given, and the %s does not run in this process: say where it is, here or by %s", s, name)
		}
		for _, u := range m.URLs[s] {
			if secure := strings.HasPrefix(u, "https:"); secure != (m.CertFile != "") {
				l.errorf(0, "mesh.urls."+string(s), "must begin with %s", map[bool]string{
					true:  "http://, because mesh.cert_file is not given",
					false: "https://, because mesh.cert_file is given",
				}[secure])
			}
		}
	}
	given := 0
	for _, file := range []string{m.CertFile, m.KeyFile, m.CAFile} {
		if file != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		l.errorf(0, "mesh", "cert_file, key_file and ca_file (TOLLGATE_MESH_CERT, TOLLGATE_MESH_KEY, TOLLGATE_MESH_CA) are given together or not at all")
	}
	for name, token := range map[string]secret.String{"mesh.token": m.Token, "mesh.previous_token": m.PreviousToken} {
		if !token.IsZero() && len(token.Reveal()) < secret.MinMasterBytes {
			l.errorf(0, name, "must have at least %d characters", secret.MinMasterBytes)
		}
	}
	if apart && m.Token.IsZero() && given == 0 {
		l.errorf(0, "mesh.token", "is not given: services that run apart must know each other; set TOLLGATE_MESH_TOKEN, the same for all, or give certificates")
	}
	if !m.Whole() && cfg.General.MasterKey.IsZero() && (m.Runs(ServiceEdge) || m.Runs(ServiceKeystore)) {
		l.errorf(0, "general_settings.master_key", "is not given: services that run apart cannot make one each; set TOLLGATE_MASTER_KEY, the same for all")
	}
	if !m.Whole() && cfg.General.DatabaseURL.IsZero() {
		for _, what := range []struct {
			service Service
			keeps   string
		}{{ServiceKeystore, "keys"}, {ServiceBudget, "budgets"}, {ServiceEdge, "answers to an Idempotency-Key"}} {
			if m.Runs(what.service) {
				l.errorf(0, "general_settings.database_url", "is not given: %s must be the same for all processes of services that run apart; set DATABASE_URL, the same for all", what.keeps)
			}
		}
	}
}
