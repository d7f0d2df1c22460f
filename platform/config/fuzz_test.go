package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate.dev/platform/config"
	"tollgate.dev/platform/secret/secrettest"
)

// Neither a bomb of aliases nor a merge that bites its tail takes the process down.
func TestHostileYAML(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ","))
	}
	for _, in := range []string{
		bomb + "model_list: *j\n",
		"model_list: &m\n- *m\n",
		"&r\n<<: *r\nmodel_list: []\n",
		"x: &x\n  <<: [*x" + strings.Repeat(", *x", 20) + "]\nrouter_settings: *x\n",
		strings.Repeat("[", 20_000),
		strings.Repeat(" ", config.MaxFileBytes+1),
	} {
		if cfg, _, err := load(t, in); err == nil {
			t.Errorf("%.40q loads as %+v", in, cfg)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"bad", "litellm"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("a: *unknown\n"))
	f.Add([]byte("model_list: [{model_name: ${A}, litellm_params: {model: \"${B}/x\", api_base: \"http://${C}\", rpm: os.environ/D}}]"))
	// Every variable is set, to a value that never stands in the file: whatever a message quotes of the
	// environment shows.
	const marker = "zqENVIRONMENTqz"
	lookup := func(name string) (string, bool) {
		if strings.HasPrefix(name, "TOLLGATE_") || name == "DATABASE_URL" || name == "REDIS_URL" || name == "KAFKA_BROKERS" {
			return "", false
		}
		return marker, true
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "zq") {
			return
		}
		cfg, warnings, err := config.Load(config.Source{Name: "fuzz", Data: data, LookupEnv: lookup})
		if (cfg == nil) != (err != nil) {
			t.Fatalf("Config %v with error %v", cfg, err)
		}
		secrettest.AssertNoLeak(t, fmt.Sprint(err, warnings), marker)
		if cfg == nil {
			return
		}
		if len(cfg.Deployments) == 0 || cfg.RequestTimeout <= 0 || cfg.Router.Timeout <= 0 || cfg.Cache.TTL <= 0 {
			t.Fatalf("accepted a configuration that can't serve: %+v", cfg)
		}
		for _, d := range cfg.Deployments {
			if d.ID == "" || d.UpstreamModel == "" || d.Weight < 0 || d.RPM < 0 || d.Timeout < 0 {
				t.Fatalf("accepted deployment %+v", d)
			}
		}
	})
}
