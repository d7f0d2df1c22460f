package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	prometheusFolder = "deploy/prometheus"
	prometheusFile   = prometheusFolder + "/prometheus.yml"
)

// prometheusConfig is of Prometheus's configuration what deploy/prometheus uses; anything else is a fault, so that it
// is added here with its check. Prometheus's own package brings the SDKs of three clouds.
type prometheusConfig struct {
	Global struct {
		ScrapeInterval     model.Duration `yaml:"scrape_interval"`
		ScrapeTimeout      model.Duration `yaml:"scrape_timeout"`
		EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	}
	RuleFiles []string `yaml:"rule_files"`
	Alerting  struct {
		Alertmanagers []struct{}
	}
	ScrapeConfigs []scrapeConfig `yaml:"scrape_configs"`
}

type scrapeConfig struct {
	JobName       string `yaml:"job_name"`
	StaticConfigs []struct {
		Targets []string
	} `yaml:"static_configs"`
	DNS []struct {
		Names           []string
		Type            string
		Port            int
		RefreshInterval model.Duration `yaml:"refresh_interval"`
	} `yaml:"dns_sd_configs"`
	Relabel []struct {
		SourceLabels []string `yaml:"source_labels"`
		TargetLabel  string   `yaml:"target_label"`
	} `yaml:"relabel_configs"`
}

// checkPrometheus checks whom it scrapes, against the containers that there are, and its rules.
func checkPrometheus(f *findings, project *types.Project, served metrics) {
	var cfg prometheusConfig
	if !f.decode(prometheusFile, &cfg) {
		return
	}
	if cfg.Global.ScrapeTimeout > cfg.Global.ScrapeInterval {
		f.addf(prometheusFile, "scrape_timeout is above scrape_interval")
	}
	scrapes := map[string]bool{}
	for _, job := range cfg.ScrapeConfigs {
		for _, sd := range job.DNS {
			if sd.Type != "A" {
				f.addf(prometheusFile, "job %s: a name's addresses are of type A", job.JobName)
			}
			for _, name := range sd.Names {
				scrapes[name] = true
				checkReach(f, prometheusFile, project, "prometheus", name, strconv.Itoa(sd.Port))
			}
		}
	}
	for _, name := range tollgateServices {
		if project != nil && !scrapes[name] {
			f.addf(prometheusFile, "nobody scrapes %s", name)
		}
	}
	if !slices.Equal(cfg.RuleFiles, []string{"/etc/prometheus/rules/*.yml"}) {
		f.addf(prometheusFile, "rule_files is not what compose mounts")
	}
	files, _ := filepath.Glob(filepath.Join(f.root, prometheusFolder, "rules", "*.yml")) // the pattern is right
	if len(files) == 0 {
		f.addf(prometheusFolder, "has no rules")
	}
	for _, file := range files {
		checkRules(f, prometheusFolder+"/rules/"+filepath.Base(file), served)
	}
}

// checkRules has Prometheus's own parser read the rules and their templates, and compares what they ask for.
func checkRules(f *findings, path string, served metrics) {
	groups, errs := rulefmt.Parse(f.read(path), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		f.addf(path, "%v", err)
	}
	if groups == nil {
		return
	}
	for _, g := range groups.Groups {
		for _, rule := range g.Rules {
			where := path + ": " + rule.Alert + rule.Record
			if _, err := checkQuery(rule.Expr, served); err != nil {
				f.addf(where, "%v", err)
			}
			if rule.Alert == "" {
				continue
			}
			if s := rule.Labels["severity"]; s != "page" && s != "ticket" {
				f.addf(where, "severity is page or ticket, not %q", s)
			}
			if rule.Annotations["summary"] == "" {
				f.addf(where, "has no summary")
			}
		}
	}
}
