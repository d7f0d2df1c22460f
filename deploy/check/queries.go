package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// query is an expression that was understood.
type query struct {
	// grouped are the labels that its groupings keep.
	grouped map[string]bool
}

// checkQuery parses an expression, and compares the series and labels that it names with those that there are.
func checkQuery(expr string, served metrics) (query, error) {
	q := query{grouped: map[string]bool{}}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return q, err
	}
	var wrong []error
	known := map[string]bool{} // the labels of all series in it
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		has, ok := served[selector.Name]
		if !ok {
			wrong = append(wrong, fmt.Errorf("no such metric: %s", selector.Name))
			return nil
		}
		for l := range has {
			known[l] = true
		}
		for _, m := range selector.LabelMatchers {
			if m.Name != model.MetricNameLabel && !has[m.Name] {
				wrong = append(wrong, fmt.Errorf("%s has no label %s", selector.Name, m.Name))
			}
		}
		return nil
	})
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if group, ok := node.(*parser.AggregateExpr); ok && !group.Without {
			for _, l := range group.Grouping {
				q.grouped[l] = true
				if !known[l] {
					wrong = append(wrong, fmt.Errorf("nothing in it has the label %s", l))
				}
			}
		}
		return nil
	})
	slices.SortFunc(wrong, func(a, b error) int { return slices.Compare([]byte(a.Error()), []byte(b.Error())) })
	return q, errors.Join(wrong...)
}
