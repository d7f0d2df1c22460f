package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/toolresults"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
)

// lossless are the stages for JSON, in the pipeline's order.
var lossless = []compressor.Stage{jsonspace.Stage{}, jsontable.Stage{}}

// jsonAim is the percentage of indented JSON's tokens that is left of it, at most.
const jsonAim = 50

// toolResults prints what the lossless stages leave of each tool result, and of all, in percent of
// the tokens it came with. One that does not decode to the same JSON is an error.
func (b *bench) toolResults(ctx context.Context) error {
	results, err := toolresults.All()
	if err != nil {
		return err
	}
	b.printf("\nJSON tool results, lossless\n%-22s %8s %11s %10s\n", "", "tokens", "minified, %", "written, %")
	var before, minified, after int64
	var shares []float64
	met := 0
	for _, r := range results {
		written, err := losslessly(ctx, r.JSON)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		sizes, err := b.sizes(r.JSON, canonical(r.JSON), written)
		if err != nil {
			return err
		}
		share := percent(sizes[2], sizes[0])
		b.printf("%-22s %8d %11.1f %10.1f\n", r.Name, sizes[0], percent(sizes[1], sizes[0]), share)
		if shares = append(shares, share); share <= jsonAim {
			met++
		}
		before, minified, after = before+sizes[0], minified+sizes[1], after+sizes[2]
	}
	b.aims.toolResults(percent(after, before), met, len(results))
	slices.Sort(shares)
	b.printf("%-22s %8d %11.1f %10.1f   median %.1f; %d of %d have %d %% or less; all decode to equal JSON\n", "all",
		before, percent(minified, before), percent(after, before), shares[len(shares)/2], met, len(results), jsonAim)
	return nil
}

func (b *bench) sizes(texts ...string) ([]int64, error) {
	sizes := make([]int64, len(texts))
	for i, t := range texts {
		n, err := b.count(t)
		if err != nil {
			return nil, err
		}
		sizes[i] = n
	}
	return sizes, nil
}

// losslessly is what the stages make of a tool result.
func losslessly(ctx context.Context, text string) (string, error) {
	t := &prompt.Text{Kind: prompt.ToolResult, Original: text}
	t.Restore()
	draft := &prompt.Draft{Texts: []*prompt.Text{t}, Rate: 1}
	for _, stage := range lossless {
		if err := stage.Apply(ctx, draft); err != nil {
			return "", err
		}
	}
	short := t.Current()
	if short == canonical(text) {
		return short, nil
	}
	back, err := jsontable.Decode(short)
	if err == nil && back != canonical(text) {
		err = errors.New("decodes to other JSON")
	}
	return short, err
}

func canonical(text string) string { return string(jsonscan.AppendCanonical(nil, []byte(text))) }

func percent(part, of int64) float64 { return 100 * float64(part) / float64(of) }
