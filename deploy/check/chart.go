package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const (
	chartFolder = "deploy/helm/tollgate"
	namespace   = "llm"
)

// checkChart lints and renders the chart with its own values and with those in ci/, and checks what comes out as
// Kubernetes would, and beyond: that what must reach each other may.
func checkChart(f *findings) {
	dir := filepath.Join(f.root, chartFolder)
	loaded, err := loader.LoadDir(dir)
	if err != nil {
		f.addf(chartFolder, "%v", err)
		return
	}
	sets, err := filepath.Glob(filepath.Join(dir, "ci", "*-values.yaml"))
	if err != nil || len(sets) == 0 {
		f.addf(chartFolder, "no values in ci/ to render it with (%v)", err)
	}
	for _, file := range append([]string{""}, sets...) {
		where, values := chartFolder+" with its own values", map[string]any{}
		if file != "" {
			where = chartFolder + " with ci/" + filepath.Base(file)
			content, err := os.ReadFile(file)
			if err == nil {
				err = yaml.UnmarshalStrict(content, &values)
			}
			if err != nil {
				f.addf(where, "%v", err)
				continue
			}
		}
		f.renders++
		for _, m := range lint.RunAll(dir, values, namespace).Messages {
			if m.Severity >= support.WarningSev {
				f.addf(where, "lint: %v", m.Error())
			}
		}
		objects, err := renderChart(loaded, values)
		if err != nil {
			f.addf(where, "%v", err)
			continue
		}
		checkObjects(f, where, objects, values)
	}
	checkRefusals(f, loaded)
}

// renderChart is `helm template`: the chart's files by name.
func renderChart(loaded *chart.Chart, values map[string]any) (map[string]string, error) {
	all, err := util.ToRenderValues(loaded, values, common.ReleaseOptions{Name: "tollgate", Namespace: namespace, IsInstall: true, Revision: 1}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		return nil, err
	}
	for name, content := range files {
		if strings.HasSuffix(name, "NOTES.txt") && strings.TrimSpace(content) == "" {
			return nil, fmt.Errorf("%s says nothing", name)
		}
		if !strings.HasSuffix(name, ".yaml") {
			delete(files, name)
		}
	}
	return files, nil
}

// refused are values that must not be taken, each with what the refusal must name.
var refused = map[string]string{
	`mode: both`:                            "mode",
	`replicas: 3`:                           "replicas",
	`edge: {replicas: 0}`:                   "replicas",
	`edge: {resources: {limits: {cpu: 1}}}`: "", // that is a set with the default memory: taken
	`secrets: {existingSecret: ""}`:         "existingSecret",
	`secrets: {create: true}`:               "TOLLGATE_MASTER_KEY",
	`secrets: {create: true, values: {TOLLGATE_MASTER_KEY: short}}`: "TOLLGATE_MASTER_KEY",
	`providers: {allowedHosts: ["https://api.openai.com"]}`:         "allowedHosts",
	`kafka: {brokers: kafka}`:                                       "brokers",
	`mesh: {mtls: {enabled: true, certManager: {enabled: true}}}`:   "issuerRef",
}

func checkRefusals(f *findings, loaded *chart.Chart) {
	for text, names := range refused {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			f.addf(chartFolder, "%s: %v", text, err)
			continue
		}
		_, err := renderChart(loaded, values)
		switch {
		case names == "" && err != nil:
			f.addf(chartFolder, "refuses %s: %v", text, err)
		case names != "" && (err == nil || !strings.Contains(err.Error(), names)):
			f.addf(chartFolder, "takes %s, or refuses it without naming %s: %v", text, names, err)
		}
	}
}

// documents splits files into their YAML documents, in the order of their names.
func documents(files map[string]string) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var docs []string
	for _, name := range names {
		for doc := range strings.SplitSeq("\n"+files[name], "\n---\n") {
			if len(strings.TrimSpace(stripComments(doc))) > 0 {
				docs = append(docs, doc)
			}
		}
	}
	return docs
}

func stripComments(doc string) string {
	var kept []string
	for line := range strings.SplitSeq(doc, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
