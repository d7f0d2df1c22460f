package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/config"
)

const meshToken = "TOLLGATE_MESH_TOKEN=mesh-token-0123456789"

// One process runs everything, is called by no other, and stops without a delay.
func TestOneProcessByDefault(t *testing.T) {
	cfg := mustLoad(t, oneModel)
	if !cfg.Mesh.Whole() || cfg.Mesh.Addr != "" || len(cfg.Mesh.Needs()) > 0 || cfg.Server.DrainDelay != 0 {
		t.Errorf("mesh %+v, drain delay %s", cfg.Mesh, cfg.Server.DrainDelay)
	}
}

func TestMesh(t *testing.T) {
	cfg := mustLoad(t, oneModel+`
server: {drain_delay: 7s}
mesh:
  services: [router, edge]
  addr: 0.0.0.0:4100
  urls: {cache: "http://cache:4001", keystore: ["http://a:4001/", "http://b:4001"], compressor: http://c:1, budget: http://d:1}
  token: mesh-token-0123456789
  previous_token: mesh-token-9876543210
general_settings: {master_key: sk-master-0123456789, database_url: "postgres://db/tollgate"}
`)
	m := cfg.Mesh
	if !reflect.DeepEqual(m.Services, []config.Service{config.ServiceEdge, config.ServiceRouter}) || m.Addr != "0.0.0.0:4100" ||
		!reflect.DeepEqual(m.URLs[config.ServiceKeystore], []string{"http://a:4001", "http://b:4001"}) ||
		m.Token.Reveal() != "mesh-token-0123456789" || m.PreviousToken.Reveal() != "mesh-token-9876543210" {
		t.Errorf("mesh %+v", m)
	}
	want := []config.Service{config.ServiceCache, config.ServiceCompressor, config.ServiceKeystore, config.ServiceBudget}
	if got := m.Needs(); !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
	if cfg.Server.DrainDelay != 7*time.Second {
		t.Errorf("drain delay %s", cfg.Server.DrainDelay)
	}
}

// The command line's word goes over the environment's, and that over the file's.
func TestWhoSaysWhatRuns(t *testing.T) {
	file := oneModel + "mesh: {services: [compressor]}\n"
	env := []string{meshToken, "TOLLGATE_SERVICES=cache", "TOLLGATE_DRAIN_DELAY=250ms", "TOLLGATE_GRACE_PERIOD=2s"}
	cfg := mustLoad(t, file, env...)
	if got := cfg.Mesh.Services; !reflect.DeepEqual(got, []config.Service{config.ServiceCache}) {
		t.Errorf("by the environment %v", got)
	}
	if cfg.Mesh.Addr != "127.0.0.1:4001" || cfg.Server.DrainDelay != 250*time.Millisecond || cfg.Server.GracePeriod != 2*time.Second {
		t.Errorf("address %s, delay %s, grace period %s", cfg.Mesh.Addr, cfg.Server.DrainDelay, cfg.Server.GracePeriod)
	}
	cfg, _, err := config.Load(config.Source{Name: "test.yaml", Data: []byte(file), Services: "router, compressor", LookupEnv: func(name string) (string, bool) {
		for _, v := range append(env, "TOLLGATE_KEYSTORE_URL=http://keystore:4001") {
			if n, value, _ := strings.Cut(v, "="); n == name {
				return value, true
			}
		}
		return "", false
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Mesh.Services; !reflect.DeepEqual(got, []config.Service{config.ServiceRouter, config.ServiceCompressor}) {
		t.Errorf("by the command line %v", got)
	}
}

func TestMeshProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		env  []string
		says []string
	}{
		"a service that nobody knows": {
			file: "mesh: {services: [edge, routr]}",
			says: []string{"1 problem\n", `unknown service "routr": one of edge, router, cache, compressor, keystore, budget; did you mean router?`},
		},
		"nobody knows where the others are": {
			env: []string{"TOLLGATE_SERVICES=router", meshToken},
			says: []string{
				"mesh.urls.keystore: is not given, and the keystore does not run in this process: say where it is, here or by TOLLGATE_KEYSTORE_URL",
			},
		},
		"what is no address": {
			env:  []string{"TOLLGATE_SERVICES=router", "TOLLGATE_KEYSTORE_URL=keystore:4001", "TOLLGATE_MESH_ADDR=here", meshToken},
			says: []string{"TOLLGATE_KEYSTORE_URL: must be http://host:port or https://host:port", "TOLLGATE_MESH_ADDR: must be host:port or :port"},
		},
		"ports that do not exist": {
			file: "mesh: {urls: {keystore: ['https://keystore:4001', 'https://keystore:0']}}",
			env:  []string{"TOLLGATE_SERVICES=router,budget", "TOLLGATE_ROUTER_URL=http://127.0.0.1:65536", meshToken},
			says: []string{"mesh.urls.keystore[1]: the port must be 1 to 65535", "TOLLGATE_ROUTER_URL: the port must be 1 to 65535"},
		},
		"strangers": {
			env:  []string{"TOLLGATE_SERVICES=cache"},
			says: []string{"mesh.token: is not given: services that run apart must know each other"},
		},
		"a short token": {
			env:  []string{"TOLLGATE_SERVICES=cache", "TOLLGATE_MESH_TOKEN=short"},
			says: []string{"mesh.token: must have at least 16 characters"},
		},
		"half of the certificates": {
			env:  []string{"TOLLGATE_SERVICES=cache", "TOLLGATE_MESH_CERT=c.pem", meshToken},
			says: []string{"are given together or not at all"},
		},
		"certificates and plain http": {
			env: []string{
				"TOLLGATE_SERVICES=router", "TOLLGATE_MESH_CERT=c.pem", "TOLLGATE_MESH_KEY=k.pem", "TOLLGATE_MESH_CA=ca.pem",
				"TOLLGATE_KEYSTORE_URL=http://keystore:4001",
			},
			says: []string{"mesh.urls.keystore: must begin with https://, because mesh.cert_file is given"},
		},
		"a database that each would make": {
			env: []string{"TOLLGATE_SERVICES=edge,budget", meshToken},
			says: []string{
				"general_settings.database_url: is not given: budgets must be the same for all processes",
				"general_settings.database_url: is not given: answers to an Idempotency-Key must be the same for all processes",
			},
		},
		"a master key that each would make": {
			env:  []string{"TOLLGATE_SERVICES=keystore", meshToken},
			says: []string{"general_settings.master_key: is not given: services that run apart cannot make one each"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, oneModel+tc.file+"\n", tc.env...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("says %v, want %s", err, want)
				}
			}
			if strings.Contains(err.Error(), "mesh-token-0123456789") {
				t.Errorf("quotes the token: %v", err)
			}
		})
	}
}
