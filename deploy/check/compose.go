package main

import (
	"context"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	composeFile = "docker-compose.yml"
	exampleFile = ".env.example"
)

// tollgateServices are what Tollgate is made of; the containers have their names.
var tollgateServices = []string{"edge", "router", "cache", "compressor", "keystore", "budget"}

// writable are the containers that may write into their root, each with its reason in the file.
var writable = []string{"kafka"}

var (
	assignment  = regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=(.*)$`)
	reference   = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)`)
	secretName  = regexp.MustCompile(`PASSWORD|TOKEN|_KEY$|REDISCLI_AUTH`)
	pinnedImage = regexp.MustCompile(`^[a-z0-9./-]+:[^:]*[0-9]+\.[0-9]+[^:]*$`)
)

// checkCompose loads the compose file as compose does, and returns the project, or nil.
func checkCompose(ctx context.Context, f *findings) *types.Project {
	env := exampleEnvironment(f)
	project, err := loadCompose(ctx, f.root, env)
	if err != nil {
		f.addf(composeFile, "%v", err)
		return nil
	}
	// As copied, without secrets, it must not start.
	bare := maps.Clone(env)
	for name, value := range bare {
		if strings.HasPrefix(value, sentinel) {
			bare[name] = ""
		}
	}
	if _, err := loadCompose(ctx, f.root, bare); err == nil {
		f.addf(composeFile, "starts without secrets")
	}
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		checkContainer(f, project, &service)
	}
	for _, name := range tollgateServices {
		service, ok := project.Services[name]
		if !ok {
			f.addf(composeFile, "has no %s", name)
			continue
		}
		checkTollgate(f, project, &service)
	}
	return project
}

func loadCompose(ctx context.Context, root string, env map[string]string) (*types.Project, error) {
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, composeFile)}},
		Environment: types.Mapping(env),
	}, func(o *loader.Options) { o.SetProjectName("tollgate", true) })
}

// sentinel begins the values that stand in for secrets, so that those which the file itself gives show.
const sentinel = "for-the-check-"

// exampleEnvironment is what .env.example asks for, filled in, and notes where it and the compose file disagree.
func exampleEnvironment(f *findings) map[string]string {
	env := map[string]string{}
	offered := map[string]bool{}
	for _, m := range assignment.FindAllStringSubmatch(string(f.read(exampleFile)), -1) {
		offered[m[1]] = true
		switch {
		case strings.HasPrefix(m[0], "#"): // the default of the compose file
		case m[2] != "":
			f.addf(exampleFile, "%s has a value", m[1])
		default:
			env[m[1]] = sentinel + m[1]
		}
	}
	asked := map[string]bool{}
	for _, m := range reference.FindAllStringSubmatch(string(f.read(composeFile)), -1) {
		asked[m[1]] = true
		if !offered[m[1]] {
			offered[m[1]] = true
			f.addf(exampleFile, "does not tell of %s", m[1])
		}
	}
	for name := range offered {
		if !asked[name] {
			f.addf(exampleFile, "%s is not read", name)
		}
	}
	return env
}

// checkContainer holds every container to the same rules.
func checkContainer(f *findings, project *types.Project, s *types.ServiceConfig) {
	where := composeFile + ": " + s.Name
	if s.Build == nil && !pinnedImage.MatchString(s.Image) {
		f.addf(where, "image %q has no version", s.Image)
	}
	if s.Privileged || s.NetworkMode != "" && s.NetworkMode != "bridge" || s.Pid != "" {
		f.addf(where, "is not kept apart from its host")
	}
	if !slices.Contains(s.CapDrop, "ALL") || len(s.CapAdd) > 0 {
		f.addf(where, "keeps capabilities")
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		f.addf(where, "may gain privileges")
	}
	if s.ReadOnly == slices.Contains(writable, s.Name) {
		f.addf(where, "read_only is %t", s.ReadOnly)
	}
	if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 {
		f.addf(where, "has no health check")
	}
	if s.Restart != "unless-stopped" {
		f.addf(where, "does not come back")
	}
	if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0 {
		f.addf(where, "has no limits")
	}
	for on, dependency := range s.DependsOn {
		if dependency.Condition != types.ServiceConditionHealthy {
			f.addf(where, "does not wait until %s is healthy", on)
		}
	}
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(v.Source); err != nil {
			f.addf(where, "%v", err)
		}
		if !v.ReadOnly {
			f.addf(where, "may write to %s", v.Source)
		}
	}
	for _, p := range s.Ports {
		if p.HostIP == "" {
			f.addf(where, "publishes %d on every address", p.Target)
		}
	}
	for name, value := range s.Environment {
		if value != nil && secretName.MatchString(name) && *value != "" && !strings.HasPrefix(*value, sentinel) {
			f.addf(where, "%s stands in the file", name)
		}
	}
	// Who is in a network that leads out either publishes something or asks providers.
	for name := range s.Networks {
		if !project.Networks[name].Internal && len(s.Ports) == 0 && s.Name != "router" {
			f.addf(where, "reaches the outside by %s", name)
		}
	}
}

// providerKeys are the variables with providers' credentials.
var providerKeys = []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY"}

// secretsOf are the secrets that each of Tollgate's services has a use for.
var secretsOf = map[string][]string{
	"edge":       {"TOLLGATE_MASTER_KEY", "TOLLGATE_SALT_KEY", "DATABASE_URL", "REDIS_URL"},
	"router":     providerKeys,
	"cache":      {"REDIS_URL"},
	"compressor": {"REDIS_URL"},
	"keystore":   {"TOLLGATE_MASTER_KEY", "TOLLGATE_SALT_KEY", "DATABASE_URL"},
	"budget":     {"DATABASE_URL"},
}

// callsOf are the services that each of them calls.
var callsOf = map[string][]string{
	"edge": {"router", "cache", "compressor", "keystore", "budget"}, "router": {"keystore"}, "budget": {"keystore"},
}

// wrongSecrets compares the variables that a service gets with those that it should.
func wrongSecrets(service string, has func(name string) bool) (missing, needless []string) {
	all := map[string]bool{}
	for _, names := range secretsOf {
		for _, n := range names {
			all[n] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch wanted := slices.Contains(secretsOf[service], name); {
		case wanted && !has(name):
			missing = append(missing, name)
		case !wanted && has(name):
			needless = append(needless, name)
		}
	}
	return missing, needless
}

// stopTime is the drain delay, the grace period and a minute.
const stopTime = 3*time.Second + 30*time.Second + time.Minute

func checkTollgate(f *findings, project *types.Project, s *types.ServiceConfig) {
	where := composeFile + ": " + s.Name
	value := func(name string) string {
		if v := s.Environment[name]; v != nil {
			return *v
		}
		return ""
	}
	missing, needless := wrongSecrets(s.Name, func(name string) bool { return value(name) != "" })
	if len(missing)+len(needless) > 0 {
		f.addf(where, "lacks %v, and has no use for %v", missing, needless)
	}
	if value("TOLLGATE_MESH_TOKEN") == "" {
		f.addf(where, "nobody can know who it is: no TOLLGATE_MESH_TOKEN")
	}
	if value("TOLLGATE_SERVICES") != s.Name {
		f.addf(where, "runs %q", value("TOLLGATE_SERVICES"))
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < stopTime {
		f.addf(where, "is killed before it can stop, which takes up to %v", stopTime)
	}
	if listens := value("TOLLGATE_MESH_ADDR"); (s.Name == "edge") != (listens == "") {
		f.addf(where, "TOLLGATE_MESH_ADDR is %q", listens)
	}
	for _, called := range tollgateServices {
		text := value("TOLLGATE_" + strings.ToUpper(called) + "_URL")
		if slices.Contains(callsOf[s.Name], called) != (text != "") {
			f.addf(where, "calls %s at %q", called, text)
		}
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() != called {
			f.addf(where, "calls %s at %q", called, text)
			continue
		}
		checkReach(f, where, project, s.Name, called, u.Port())
		if _, waits := s.DependsOn[called]; !waits {
			f.addf(where, "does not wait for %s", called)
		}
	}
	checkVariables(f, where, slices.Collect(maps.Keys(s.Environment)))
	kept := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == "/var/lib/tollgate" && v.Source != ""
	})
	if s.Name == "edge" && !kept {
		f.addf(where, "loses its log of calls with the container")
	}
}

// checkVariables checks that Tollgate's own variables are ones that its documentation tells of.
func checkVariables(f *findings, where string, names []string) {
	documented := string(f.read("docs/03-Configuration.md"))
	for _, name := range names {
		if !strings.Contains(documented, "`"+name+"`") {
			f.addf(where, "%s is no variable of Tollgate's", name)
		}
	}
}

// checkReach checks that one container reaches another's port: they share a network, and something listens.
func checkReach(f *findings, where string, project *types.Project, from, to, port string) {
	if project == nil {
		return // noted already
	}
	target, ok := project.Services[to]
	if !ok {
		f.addf(where, "there is no %s", to)
		return
	}
	shared := false
	for network := range project.Services[from].Networks {
		if _, ok := target.Networks[network]; ok {
			shared = true
		}
	}
	if !shared {
		f.addf(where, "%s and %s share no network", from, to)
	}
	name := "TOLLGATE_MESH_ADDR"
	if to == "edge" {
		name = "TOLLGATE_ADDR"
	}
	if addr := target.Environment[name]; addr != nil && *addr != "0.0.0.0:"+port {
		f.addf(where, "%s listens at %s, not at %s", to, *addr, port)
	}
}
