package harness

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

// MeshToken is what the processes of every gateway know each other by.
const MeshToken = "e2e-mesh-token-5d41402abc4b2a76b9719d911017c592" //nolint:gosec // it opens nothing but what tests start

// ground is what a gateway of several processes stands on. It is kept in the data folder, so
// that a gateway which is started again finds it.
type ground struct {
	// Database is a URL, Namespace tells the gateway's keys in Redis from others'.
	Database, Namespace string
}

var gatewayTurns = newTurns(maxGateways)

// groundFile is where the ground is kept.
const groundFile = "ground.json"

func (g *Gateway) ground(opts Options) ground {
	g.tb.Helper()
	path := filepath.Join(g.DataDir, groundFile)
	out := ground{Database: opts.given("DATABASE_URL"), Namespace: "e2e-" + strings.ToLower(rand.Text())}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &out); err != nil {
			g.tb.Fatal(err)
		}
		return out
	case !errors.Is(err, fs.ErrNotExist):
		g.tb.Fatal(err)
	}
	if out.Database == "" {
		out.Database = postgrestest.URL(g.tb).Reveal()
	}
	if text, err = json.Marshal(out); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		g.tb.Fatal(err)
	}
	return out
}

// startApart starts the edges, two routers, and one process of each other service. Each says
// itself where it is, so those that others call come first; those that do not know each other
// start at the same time.
func (g *Gateway) startApart(opts Options) {
	g.tb.Helper()
	if opts.MakeMasterKey {
		g.tb.Fatal("processes of one gateway cannot make a master key each: the test is about a whole one")
	}
	gatewayTurns.take(g.tb)
	if opts.Edges == 0 {
		opts.Edges = 2
	}
	ground := g.ground(opts)
	g.state.database = secret.New(ground.Database)
	g.Secret(MeshToken)
	redis := os.Getenv(redisxtest.Variable)
	if redis == "" {
		g.tb.Fatalf("%s is not set: run `make test`, which starts the servers", redisxtest.Variable)
	}
	config := WriteFile(g.tb, "config.yaml", configApart(g.tb, opts.Config, ground.Namespace))
	env := append([]string{
		"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_MESH_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + g.DataDir,
		"TOLLGATE_MASTER_KEY=" + MasterKey, "TOLLGATE_MESH_TOKEN=" + MeshToken, "TOLLGATE_DRAIN_DELAY=0",
		"REDIS_URL=" + redis, "DATABASE_URL=" + ground.Database,
	}, opts.Env...)
	edges := make([]string, opts.Edges)
	for i := range edges {
		edges[i] = "edge"
	}
	for _, stage := range [][]string{{"keystore", "cache", "compressor"}, {"router", "router", "budget"}, edges} {
		started := make([]*member, len(stage))
		for i, service := range stage {
			started[i] = &member{services: service, process: Spawn(g.tb, env, "serve", "--services", service, "--config", config)}
		}
		g.state.members = slices.Concat(started, g.state.members)
		urls := map[string][]string{}
		for _, m := range started {
			m.awaitAnnouncement(g.tb)
			urls[m.services] = append(urls[m.services], m.url)
		}
		for service, at := range urls {
			if service != "edge" {
				env = append(env, "TOLLGATE_"+strings.ToUpper(service)+"_URL="+strings.Join(at, ","))
			}
		}
	}
}

// configApart is a configuration with keys of its own in the Redis that all tests share, and
// with patience: what is found there, or compressed, must not depend on how busy the machine is. No
// text is the shipped configuration.
func configApart(tb testing.TB, text, namespace string) string {
	tb.Helper()
	shipped := text == ""
	if shipped {
		read, err := os.ReadFile(filepath.Join(Root(), "platform", "config", "default.yaml"))
		if err != nil {
			tb.Fatal(err)
		}
		text = string(read)
	}
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		tb.Fatalf("%v in the configuration\n%s", err, text)
	}
	if shipped {
		// A file of one's own may not name what is not set. Without it the same variables are read.
		models, _ := config["model_list"].([]any)
		for _, m := range models {
			if model, ok := m.(map[string]any); ok {
				delete(within(model, "litellm_params"), "api_key")
			}
		}
	}
	limits, answers := within(config, "rate_limits"), within(within(config, "litellm_settings"), "cache_params")
	for _, set := range []struct {
		section   map[string]any
		key, text string
	}{
		{limits, "namespace", namespace}, {limits, "wait", "20s"},
		{answers, "namespace", namespace}, {answers, "socket_timeout", "20s"},
		{within(config, "compression"), "namespace", namespace}, {within(config, "compression"), "timeout", "20s"},
	} {
		if set.section[set.key] == nil {
			set.section[set.key] = set.text
		}
	}
	out, err := yaml.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	return string(out)
}

// within is a section, which is made when it is missing.
func within(of map[string]any, name string) map[string]any {
	section, _ := of[name].(map[string]any)
	if section == nil {
		section = map[string]any{}
		of[name] = section
	}
	return section
}

// assertNoLeakInDatabase looks for secrets in every row of every table.
func (g *Gateway) assertNoLeakInDatabase(secrets []string) {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pool, err := postgres.Open(ctx, g.state.database, postgres.Options{MaxConns: 1, ApplicationName: "tollgate-test"})
	if err != nil {
		g.tb.Errorf("read the database: %v", err)
		return
	}
	defer pool.Close()
	var tables []string
	err = pool.QueryRow(ctx, "SELECT array_agg(quote_ident(tablename)) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables)
	if err != nil || len(tables) == 0 {
		g.tb.Errorf("read the database: %d tables, %v", len(tables), err)
	}
	for _, table := range tables {
		var rows string // bytes are shown in hexadecimal, in which the assertion looks as well
		if err := pool.QueryRow(ctx, "SELECT coalesce(string_agg(t::text, E'\n'), '') FROM "+table+" t").Scan(&rows); err != nil {
			g.tb.Errorf("read the table %s: %v", table, err)
		}
		secrettest.AssertNoLeak(g.tb, rows, secrets...)
	}
}
