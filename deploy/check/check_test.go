package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

const repository = "../.."

// broken copies the files of the repository that a check reads, with one piece of text replaced.
func broken(t *testing.T, path, old, replacement string, others ...string) *findings {
	t.Helper()
	root := t.TempDir()
	for _, file := range append(others, path) {
		content, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		if file == path {
			if !strings.Contains(string(content), old) {
				t.Fatalf("%s has no %q", path, old)
			}
			content = []byte(strings.Replace(string(content), old, replacement, 1))
		}
		to := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &findings{root: root}
}

func wants(t *testing.T, f *findings, text string) {
	t.Helper()
	all := strings.Join(f.list, "\n")
	if !strings.Contains(all, text) {
		t.Fatalf("nothing was found that says %q, but:\n%s", text, all)
	}
}

func TestComposeFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, replacement, want string }{
		{"cap_drop: [ALL]", "cap_drop: []", "keeps capabilities"},
		{"image: postgres:18.4-trixie", "image: postgres:latest", "has no version"},
		{"TOLLGATE_ROUTER_URL: http://router:4001", "TOLLGATE_ROUTER_URL: http://router:4002", "router listens at 0.0.0.0:4001"},
		{"networks: [mesh, egress]", "networks: [egress]", "edge and router share no network"},
		{"networks: [mesh, data]\n    tmpfs", "networks: [mesh, data, egress]\n    tmpfs", "reaches the outside by egress"},
		{"stop_grace_period: 95s", "stop_grace_period: 30s", "killed before it can stop"},
		{"TOLLGATE_MESH_TOKEN: ${TOLLGATE_MESH_TOKEN:?see .env.example}", "TOLLGATE_MESH_TOKEN: a-secret", "stands in the file"},
		{"TOLLGATE_SERVICES: compressor", "TOLLGATE_SERVICES: compressor\n      DATABASE_URL: postgres://x", "no use for [DATABASE_URL]"},
		{"- edge-data:/var/lib/tollgate", "- /tmp:/var/lib/tollgate:ro", "loses its log"},
		{"${POSTGRES_PASSWORD:?see .env.example}@", "${POSTGRES_PASS:?see .env.example}@", "does not tell of POSTGRES_PASS"},
		{"cpus: \"1\", memory: 512M, pids: 128", "cpus: \"1\", pids: 128", "has no limits"},
		{"TOLLGATE_ADDR: 0.0.0.0:4000", "TOLLGATE_ADDRESS: 0.0.0.0:4000", "TOLLGATE_ADDRESS is no variable"},
		{"cap_drop: [ALL]", "cap_drops: [ALL]", "cap_drops"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			f := broken(t, composeFile, c.old, c.replacement, exampleFile, "docs/03-Configuration.md")
			checkCompose(t.Context(), f)
			wants(t, f, c.want)
		})
	}
}

func TestKongFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, replacement, want string }{
		{"paths: [/spend/, /global/spend]", "paths: [/spend/, /global/spend, /v1/chat/]", "/v1/chat/completions goes to tollgate-management"},
		{"paths: [/key/]", "paths: [/keys/]", "/key/generate goes nowhere"},
		{"host: edge", "host: edges", "there is no edges"},
		{"retries: 0", "retries: 5", "repeats"},
		{"strip_path: false", "strip_paths: false", "strip_paths"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			f := broken(t, kongFile, c.old, c.replacement, composeFile, exampleFile)
			checkKong(f, checkCompose(t.Context(), f))
			wants(t, f, c.want)
		})
	}
}

// page is what a program served, in small.
const page = `# TYPE tollgate_requests_total counter
tollgate_requests_total{model="a",status="200"} 1
# TYPE tollgate_request_duration_seconds histogram
tollgate_request_duration_seconds_bucket{model="a",le="+Inf"} 1
tollgate_request_duration_seconds_sum{model="a"} 1
tollgate_request_duration_seconds_count{model="a"} 1
`

func TestQueries(t *testing.T) {
	t.Parallel()
	served, err := parseMetrics(page)
	if err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		`sum by (model) (rate(tollgate_requests_total{status=~"5..", job="x"}[5m]))`:                "",
		`histogram_quantile(0.9, sum by (le) (rate(tollgate_request_duration_seconds_bucket[5m])))`: "",
		`sum(up) / sum(tollgate_request_duration_seconds_count)`:                                    "",
		`rate(tollgate_request_total[5m])`:                                                          "no such metric: tollgate_request_total",
		`rate(tollgate_request_duration_seconds[5m])`:                                               "no such metric: tollgate_request_duration_seconds",
		`sum(tollgate_requests_total{code="500"})`:                                                  "has no label code",
		`sum by (provider) (tollgate_requests_total)`:                                               "nothing in it has the label provider",
		`histogram_quantile(0.9, sum by (le) (rate(tollgate_requests_total[5m])))`:                  "nothing in it has the label le",
		`sum(rate(tollgate_requests_total))`:                                                        "expected type range vector",
	} {
		_, err := checkQuery(expr, served)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", expr, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", expr, err, want)
		}
	}
}

func TestDashboardFaults(t *testing.T) {
	t.Parallel()
	served, err := parseMetrics(page)
	if err != nil {
		t.Fatal(err)
	}
	f := &findings{root: t.TempDir()}
	folder := filepath.Join(f.root, dashboardFolder)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	const faulty = `{"uid": "other", "panels": [
		{"id": 1, "type": "stat", "title": "A", "gridPos": {"x": 0, "y": 0, "w": 8, "h": 4}, "targets": [
			{"refId": "A", "datasource": {"uid": "${datasource}"}, "expr": "sum by (model) (tollgate_requests_total{model=\"$team\"})", "legendFormat": "{{status}}"}]},
		{"id": 1, "type": "stat", "title": "B", "gridPos": {"x": 4, "y": 2, "w": 8, "h": 4}, "targets": [
			{"refId": "A", "datasource": {"uid": "mine"}, "expr": "tollgate_nothing"}]}]}`
	if err := os.WriteFile(filepath.Join(folder, "this.json"), []byte(faulty), 0o600); err != nil {
		t.Fatal(err)
	}
	checkDashboards(f, served)
	for _, want := range []string{
		`its uid "other" is not its name`, "no variable is called $team", "its legend names status", "has the id of another", "lies over A",
		"does not ask the chosen data source", "no such metric: tollgate_nothing",
	} {
		wants(t, f, want)
	}
}

// TestChartFaults breaks what comes out of the chart.
func TestChartFaults(t *testing.T) {
	t.Parallel()
	loaded, err := loader.LoadDir(filepath.Join(repository, chartFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, old, replacement, want string }{
		{"deployments", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "rights that it does not need"},
		{"deployments", "readOnlyRootFilesystem: true", "readonlyRootFilesystem: true", "unknown field"},
		{"deployments", "port: mesh", "port: http", "of a port that it has not"},
		{"deployments", "terminationGracePeriodSeconds: 95", "terminationGracePeriodSeconds: 30", "killed before it can stop"},
		{"deployments", "value: http://tollgate-keystore:4001", "value: http://tollgate-cache:4001", "tollgate-cache is not the keystore"},
		{"edge", "serviceName: tollgate-edge-pods", "serviceName: tollgate-edge", "its pods have no names"},
		{"edge", "name: TOLLGATE_ROUTER_URL", "name: TOLLGATE_ROUTERS_URL", `calls router at ""`},
		{"services", "clusterIP: None\n  ports:\n    - {name: mesh", "ports:\n    - {name: mesh", "is not headless"},
		{"networkpolicies", "- {protocol: TCP, port: mesh}", "- {protocol: TCP, port: http}", "and calls it: true"},
		{"networkpolicies", "- {protocol: TCP, port: 5432}", "- {protocol: TCP, port: 5433}", "reaches the database: false"},
		{"scaling", "minReplicas: 2", "minReplicas: 1", "scales below two"},
		{"serviceaccounts", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "has a token in the pod"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			files, err := renderChart(loaded, map[string]any{})
			if err != nil {
				t.Fatal(err)
			}
			name := "tollgate/templates/" + c.file + ".yaml"
			if !strings.Contains(files[name], c.old) {
				t.Fatalf("%s has no %q:\n%s", name, c.old, files[name])
			}
			files[name] = strings.Replace(files[name], c.old, c.replacement, 1)
			f := &findings{root: repository}
			checkObjects(f, "the chart", files, map[string]any{})
			wants(t, f, c.want)
		})
	}
}

func TestImageFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, old, replacement, want string }{
		{imageFile, "USER 65532:65532", "USER root", "user false"},
		{imageFile, `CMD ["/usr/local/bin/tollgate", "health"]`, "CMD tollgate health", "health check false"},
		{imageFile, "COPY platform platform", "COPY platforms platforms", "COPY platforms"},
		{ignoreFile, "!platform\n", "", "COPY platform"},
		{ignoreFile, "!gen\n", "!gen\n!.env\n", "lets .env through"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			other := map[string]string{imageFile: ignoreFile, ignoreFile: imageFile}[c.path]
			f := broken(t, c.path, c.old, c.replacement, other)
			for _, module := range []string{"gen", "platform", "services"} {
				for _, name := range []string{"go.mod", "go.sum"} {
					empty(t, f.root, module, name)
				}
			}
			empty(t, f.root, ".env")
			if err := checkImage(t.Context(), f, t.TempDir()); err != nil {
				t.Fatal(err)
			}
			wants(t, f, c.want)
		})
	}
}

// empty makes an empty file.
func empty(t *testing.T, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A chart of which no other values are rendered would be checked by half.
func TestChartWithoutValues(t *testing.T) {
	t.Parallel()
	f := broken(t, chartFolder+"/Chart.yaml", "apiVersion:", "apiVersion:", chartFolder+"/values.yaml")
	checkChart(f)
	wants(t, f, "no values in ci/")
}
