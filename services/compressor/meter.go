package compressor

import (
	"context"
	"slices"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
)

// meter counts one prompt's tokens in its model's encoding.
type meter struct {
	counter  *tokens.Counter
	encoding tokens.Encoding
}

// prompt counts the whole prompt, turn by turn. Media, and what providers put around tool
// definitions, are not in it: they are the same before and after.
func (m *meter) prompt(ctx context.Context, p *prompt.Prompt) (turns []int64, err error) {
	turns = make([]int64, len(p.Turns))
	for i := range p.Turns {
		turn := &p.Turns[i]
		total := tokens.ChatOverhead(turn.Messages, turn.Names)
		if i > 0 {
			total -= tokens.PerReply // once for the whole prompt
		}
		for _, text := range turn.Fixed {
			n, err := m.count(ctx, text)
			if err != nil {
				return nil, err
			}
			total += n
		}
		for _, c := range turn.Contents {
			if err := m.content(ctx, c); err != nil {
				return nil, err
			}
			total += c.Tokens
		}
		turns[i] = total
	}
	return turns, nil
}

// content counts a content and the texts in it.
func (m *meter) content(ctx context.Context, c *prompt.Content) (err error) {
	if c.Tokens, err = m.count(ctx, c.Original); err != nil {
		return err
	}
	for _, t := range c.Texts {
		if t.Tokens = c.Tokens; t.Original != c.Original {
			if t.Tokens, err = m.count(ctx, t.Original); err != nil {
				return err
			}
		}
		t.Size = t.Tokens
	}
	return nil
}

// run lets a stage work, and takes back each change that makes a text no smaller. That is
// decided text by text and not for the prompt, so that a text is the same in every later
// turn of its conversation. It returns the texts of which a change was left.
func (m *meter) run(ctx context.Context, stage Stage, draft *prompt.Draft) (changed []*prompt.Text, err error) {
	type state struct {
		text    string
		tokens  int64
		omitted int
	}
	before := make([]state, len(draft.Texts))
	for i, t := range draft.Texts {
		before[i] = state{t.Current(), t.Tokens, len(t.Omitted())}
	}
	if err := stage.Apply(ctx, draft); err != nil {
		return nil, err
	}
	for i, t := range draft.Texts {
		if t.Current() == before[i].text {
			continue
		}
		if t.Tokens, err = m.count(ctx, t.Current()); err != nil {
			return nil, err
		}
		if t.Tokens >= before[i].tokens {
			t.Replace(before[i].text)
			t.Forget(before[i].omitted)
			t.Tokens = before[i].tokens
			continue
		}
		changed = append(changed, t)
	}
	return changed, nil
}

// after returns what the turns have now that had as many tokens before.
func (m *meter) after(ctx context.Context, p *prompt.Prompt, before []int64) ([]int64, error) {
	turns := slices.Clone(before)
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			if !c.Changed() {
				continue
			}
			n, err := m.count(ctx, c.Current())
			if err != nil {
				return nil, err
			}
			turns[i] += n - c.Tokens
		}
	}
	return turns, nil
}

// count looks at the context before each text, and the counter does within long ones.
func (m *meter) count(ctx context.Context, text string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c, err := m.counter.CountContext(ctx, m.encoding, text)
	return c.Tokens, err
}
