package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	histograms "github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// alertCases have of each alert what it is for, and what is near it and must not raise it. A series is its selector,
// its first value, and by how much it grows a minute.
var alertCases = map[string]struct{ fires, silent []line }{
	"TollgateDown":            {[]line{{`up{job="tollgate",service="edge"}`, 0, 0}}, []line{{`up{job="tollgate",service="edge"}`, 1, 0}}},
	"TollgateServiceGone":     {[]line{{`up{job="tollgate",service="edge",instance="a"}`, 0, 0}}, []line{{`up{job="tollgate",service="edge",instance="a"}`, 0, 0}, {`up{job="tollgate",service="edge",instance="b"}`, 1, 0}}},
	"TollgateErrors":          {[]line{{`tollgate_requests_total{status="200"}`, 0, 90}, {`tollgate_requests_total{status="502"}`, 0, 10}}, []line{{`tollgate_requests_total{status="200"}`, 0, 90}, {`tollgate_requests_total{status="429"}`, 0, 10}, {`tollgate_requests_total{status="502"}`, 0, 1}}},
	"TollgateFirstTokenSlow":  {slow("tollgate_time_to_first_token_seconds", `provider="openai",`, "10", "20"), fast("tollgate_time_to_first_token_seconds", `provider="openai",`, "10", "20")},
	"TollgateProviderFails":   {attempts(30), attempts(10)},
	"TollgateProviderLimits":  {[]line{{`tollgate_provider_errors_total{provider="openai",code="provider_rate_limited"}`, 0, 60}}, []line{{`tollgate_provider_errors_total{provider="openai",code="provider_error"}`, 0, 60}}},
	"TollgateLedgerBehind":    {[]line{{`tollgate_budget_queued_records{instance="a"}`, 20000, 0}}, []line{{`tollgate_budget_queued_records{instance="a"}`, 500, 0}}},
	"TollgateRecordsRejected": grows("tollgate_budget_rejected_records_total"),
	"TollgateLeasesLost":      grows("tollgate_budget_lost_leases_total"),
	"TollgateSpendLogKept":    grows("tollgate_spend_log_kept_total"),
	"TollgateSpendLogFull":    grows("tollgate_spend_log_unlogged_total"),
	"TollgateLeasesOverdrawn": grows("tollgate_budget_overdrawn_leases_total"),
	"TollgateEventsSetAside":  grows("tollgate_outbox_set_aside_total"),
	"TollgateOutboxLag":       {[]line{{`tollgate_outbox_lag_seconds{instance="a"}`, 90, 0}}, []line{{`tollgate_outbox_lag_seconds{instance="a"}`, 2, 0}}},
	// Alone without calls that have limits, as each process without the edge is, is no fault.
	"TollgateLimitsAlone": {[]line{{`tollgate_rate_limits_shared{instance="a"}`, 0, 0}, {`tollgate_rate_limits_alone_total{instance="a"}`, 0, 5}}, []line{{`tollgate_rate_limits_shared{instance="a"}`, 0, 0}, {`tollgate_rate_limits_alone_total{instance="a"}`, 0, 0}}},
	"TollgateCacheSlow":   {slow("tollgate_cache_lookup_seconds", "", "0.05", "0.1"), fast("tollgate_cache_lookup_seconds", "", "0.05", "0.1")},
}

type line struct {
	series         string
	first, aMinute float64
}

func grows(name string) struct{ fires, silent []line } {
	return struct{ fires, silent []line }{[]line{{name + `{instance="a"}`, 3, 1}}, []line{{name + `{instance="a"}`, 3, 0}}}
}

// slow is a histogram most of which lies between two bounds; of fast most lies below both.
func slow(name, with, low, high string) []line { return histogram(name, with, low, high, 10) }
func fast(name, with, low, high string) []line { return histogram(name, with, low, high, 100) }

func histogram(name, with, low, high string, below float64) []line {
	var lines []line
	for le, n := range map[string]float64{low: below, high: 100, "+Inf": 100} {
		lines = append(lines, line{fmt.Sprintf("%s_bucket{%sle=%q}", name, with, le), 0, n})
	}
	return lines
}

// attempts are a hundred calls a minute with ten retries, of which some fail.
func attempts(failed float64) []line {
	return []line{
		{`tollgate_provider_errors_total{provider="openai",code="provider_error"}`, 0, failed},
		{`tollgate_request_duration_seconds_count{provider="openai",model="a"}`, 0, 100},
		{`tollgate_provider_retries_total{provider="openai"}`, 0, 10},
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(repository, prometheusFolder, "rules", "tollgate.yml"))
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	untested := maps.Clone(alertCases)
	for _, g := range groups.Groups {
		for _, rule := range g.Rules {
			c, ok := alertCases[rule.Alert]
			if !ok {
				t.Errorf("%s has no case", rule.Alert)
			}
			delete(untested, rule.Alert)
			if n := raised(t, rule.Expr, c.fires); n == 0 {
				t.Errorf("%s is not raised by what it is for", rule.Alert)
			}
			if n := raised(t, rule.Expr, c.silent); n != 0 {
				t.Errorf("%s is raised by what is none", rule.Alert)
			}
		}
	}
	if len(untested) > 0 {
		t.Errorf("no alerts: %v", slices.Collect(maps.Keys(untested)))
	}
}

// raised is how many series an expression has after half an hour.
func raised(t *testing.T, expr string, lines []line) int {
	t.Helper()
	p := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: p})
	data := samples{}
	for _, l := range lines {
		name, err := p.ParseMetric(l.series)
		if err != nil {
			t.Fatal(err)
		}
		var s []chunks.Sample
		for minute := range int64(31) {
			s = append(s, sample{minute * time.Minute.Milliseconds(), l.first + float64(minute)*l.aMinute})
		}
		data = append(data, storage.NewListSeries(name, s))
	}
	q, err := engine.NewInstantQuery(t.Context(), data, nil, expr, time.UnixMilli(30*time.Minute.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return len(vector)
}

// samples are a database of a few series.
type samples []storage.Series

// Querier implements [storage.Queryable].
func (s samples) Querier(int64, int64) (storage.Querier, error) { return querier{all: s}, nil }

type querier struct {
	storage.Querier
	all samples
}

// Close implements [storage.Querier].
func (querier) Close() error { return nil }

// Select implements [storage.Querier].
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{at: -1}
	for _, s := range q.all {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) }) {
			found.series = append(found.series, s)
		}
	}
	return found
}

type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series              { return s.series[s.at] }
func (*set) Err() error                        { return nil }
func (*set) Warnings() annotations.Annotations { return nil }

// sample is a number at a time in milliseconds.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                     { return s.at }
func (sample) ST() int64                      { return 0 }
func (s sample) F() float64                   { return s.value }
func (sample) H() *histograms.Histogram       { return nil }
func (sample) FH() *histograms.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType       { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample          { return s }
