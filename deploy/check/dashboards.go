package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
)

const dashboardFolder = "deploy/grafana/dashboards"

// dashboard is of Grafana's format what matters here.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Datasource  *datasource
	Targets     []struct {
		RefID, Expr, LegendFormat string
		Datasource                *datasource
	}
}

type datasource struct{ Type, UID string }

// builtIn are Grafana's own variables, and what they may stand for.
var builtIn = map[string]string{"__rate_interval": "5m", "__range": "1h", "__interval": "1m"}

var (
	variable = regexp.MustCompile(`\$\{?(\w+)\}?`)
	legend   = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	// values is a variable's query for the values of a label.
	values = regexp.MustCompile(`^label_values\((.*), *(\w+)\)$`)
)

func checkDashboards(f *findings, served metrics) {
	files, err := filepath.Glob(filepath.Join(f.root, dashboardFolder, "*.json"))
	if err != nil || len(files) == 0 {
		f.addf(dashboardFolder, "has no dashboard")
	}
	uids := map[string]string{}
	for _, file := range files {
		path := dashboardFolder + "/" + filepath.Base(file)
		var d dashboard
		if err := json.NewDecoder(bytes.NewReader(f.read(path))).Decode(&d); err != nil {
			f.addf(path, "%v", err)
			continue
		}
		f.dashboards++
		if other := uids[d.UID]; other != "" {
			f.addf(path, "has the uid of %s", other)
		}
		uids[d.UID] = path
		if d.UID+".json" != filepath.Base(file) {
			f.addf(path, "its uid %q is not its name", d.UID)
		}
		checkDashboard(f, path, &d, served)
	}
}

func checkDashboard(f *findings, path string, d *dashboard, served metrics) {
	vars := map[string]string{}
	for name, stands := range builtIn {
		vars[name] = stands
	}
	for _, v := range d.Templating.List {
		vars[v.Name] = "x"
		if v.Type != "query" {
			continue
		}
		var q struct{ Query string }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			f.addf(path, "variable %s: %v", v.Name, err)
			continue
		}
		m := values.FindStringSubmatch(q.Query)
		if m == nil {
			f.addf(path, "variable %s: not label_values(series, label)", v.Name)
			continue
		}
		// The label must be one of the series.
		checkExpr(f, path+": variable "+v.Name, "sum by ("+m[2]+") ("+m[1]+")", "", vars, served)
	}
	ids := map[int]bool{}
	for i := range d.Panels {
		p := &d.Panels[i]
		where := path + ": panel " + p.Title
		if ids[p.ID] {
			f.addf(where, "has the id of another")
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			f.addf(where, "stands outside the grid")
		}
		for j := range d.Panels[:i] {
			if other := &d.Panels[j]; overlap(p, other) {
				f.addf(where, "lies over %s", other.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || len(p.Targets) == 0 {
			f.addf(where, "has no title, or shows nothing")
		}
		for _, t := range p.Targets {
			if t.Datasource == nil || t.Datasource.UID != "${datasource}" {
				f.addf(where, "%s does not ask the chosen data source", t.RefID)
			}
			checkExpr(f, where, t.Expr, t.LegendFormat, vars, served)
		}
	}
}

// checkExpr checks an expression with its variables in place; a legend may name labels that are left.
func checkExpr(f *findings, where, expr, named string, vars map[string]string, served metrics) {
	plain := variable.ReplaceAllStringFunc(expr, func(ref string) string {
		stands, ok := vars[strings.Trim(ref, "${}")]
		if !ok {
			f.addf(where, "no variable is called %s", ref)
			return "x"
		}
		return stands
	})
	q, err := checkQuery(plain, served)
	if err != nil {
		f.addf(where, "%s: %v", expr, err)
		return
	}
	for _, m := range legend.FindAllStringSubmatch(named, -1) {
		if !q.grouped[m[1]] {
			f.addf(where, "its legend names %s, which %s does not keep", m[1], expr)
		}
	}
}

func overlap(a, b *panel) bool {
	x, y := a.GridPos, b.GridPos
	return x.X < y.X+y.W && y.X < x.X+x.W && x.Y < y.Y+y.H && y.Y < x.Y+x.H
}
