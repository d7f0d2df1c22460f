// Package extractive leaves out the sentences that have the least to do with the question.
package extractive

import (
	"context"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// Stage is the stage extractive. Of the texts that were given together to answer one question
// it keeps whole sentences up to their share of tokens, by package extract; where some are
// left out stands a mark. Code, tables, logs and JSON stay, and no sentence ends within a
// quotation, an address, a number or the like.
type Stage struct {
	selector *extract.Selector
	memo     *memo
}

// New returns the stage, which counts by the process's counter.
func New(counter *tokens.Counter) Stage { return Stage{extract.New(counter), newMemo()} }

// Name is extractive.
func (Stage) Name() string { return "extractive" }

// Loses tells that sentences are gone.
func (Stage) Loses() bool { return true }

// Apply is compressor.Stage's. A turn's texts are all there when the turn is first sent, so
// what becomes of them together is the same in every later turn.
func (s Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	turns := make([]int64, len(draft.Floors)) // the tokens of each one's texts
	for _, t := range draft.Texts {
		if !t.Locked {
			turns[t.Turn] += t.Tokens
		}
	}
	leasts, cuts := draft.Leasts(), cuts{}
	var group []*prompt.Text
	for i, t := range draft.Texts {
		if !t.Locked && !t.Verbatim {
			group = append(group, t)
		}
		if i+1 < len(draft.Texts) {
			if next := draft.Texts[i+1]; next.Turn == t.Turn && next.Question == t.Question && next.Rate == t.Rate {
				continue
			}
		}
		least := min(leasts[t.Turn], turns[t.Turn])
		if err := s.shorten(ctx, draft, cuts, group, share{least, max(turns[t.Turn], 1)}); err != nil {
			return err
		}
		group = group[:0]
	}
	return cuts.dropDangling(ctx, draft.Texts)
}

// leastKept is the size of a text, in tokens, from which on it can be fetched as it was. What
// is shorter has lost a sentence or two, and would only fill the store.
const leastKept = 50

// share is a part of a turn's tokens, of all of them.
type share struct{ least, all int64 }

// shorten shortens texts of one turn, question and rate, and notes what it takes out. The turn is to keep
// a share.
func (s Stage) shorten(ctx context.Context, draft *prompt.Draft, cuts cuts, texts []*prompt.Text, turn share) error {
	if len(texts) == 0 {
		return nil
	}
	question, budget := texts[0].Question, budget(draft, texts, turn)
	key := keyOf(draft.Tenant, question, draft.Encoding, budget, texts)
	res, known := s.memo.get(key, texts)
	if !known {
		req := extract.Request{Question: question, Encoding: draft.Encoding, Budget: budget, Texts: make([]extract.Text, len(texts))}
		for i, t := range texts {
			if err := ctx.Err(); err != nil {
				return err
			}
			req.Texts[i] = Guard(t.Current(), question)
			if t.Kind == prompt.ToolResult {
				keepHandles(&req.Texts[i])
			}
			req.Texts[i].Spread = t.Spread
		}
		var err error
		if res, err = s.selector.Select(ctx, req); err != nil {
			return err
		}
		s.memo.put(key, texts, res)
	}
	for i, t := range texts {
		if len(res.Omitted[i]) > 0 {
			if t.Tokens >= leastKept {
				t.Omit(t.Current())
			}
			cuts[t] = cut{before: t.Current(), omitted: res.Omitted[i], references: t.References()}
			t.Rewrite(res.Texts[i], res.Sizes[i])
		}
	}
	return nil
}

// budget is the texts' share of the tokens that they came with, and no less than their part
// of what keeps the prompt above its turn's floor.
func budget(draft *prompt.Draft, texts []*prompt.Text, turn share) int64 {
	rate := draft.RateOf(texts[0])
	var size, own int64
	for _, t := range texts {
		size += t.Size
		own += t.Tokens
	}
	return max(int64(rate*float64(size)), (turn.least*own+turn.all-1)/turn.all)
}

// Guard is a text with what must stay in it for a question, and what must not be cut.
func Guard(text, question string) extract.Text {
	g := extract.Text{Text: text}
	for _, s := range protect.Append(nil, text) {
		span := extract.Span{Start: s.Start, End: s.End}
		if s.Kind&protect.Block != 0 {
			g.Keep = append(g.Keep, span)
		} else {
			g.Whole = append(g.Whole, span)
		}
	}
	joinFolded(&g)
	holdData(&g)
	if !keepRows(&g, question) && !keepLog(&g) && !keepTables(&g) && !keepCodeAndLogs(&g) {
		keepSeries(&g)
	}
	return g
}

// keepHandles keeps what the next call may have to repeat of a tool's result, in its sentences.
func keepHandles(g *extract.Text) {
	for _, s := range protect.Handles(g.Text) {
		g.Keep = append(g.Keep, extract.Span{Start: s.Start, End: s.End})
	}
}
