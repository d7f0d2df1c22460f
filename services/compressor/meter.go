package compressor

import (
	"context"
	"slices"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
)

// meter counts one prompt's tokens in its model's encoding, each part of it once.
type meter struct {
	counter  *tokens.Counter
	encoding tokens.Encoding
	parts    []tokens.Part
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

// content counts a content, by its parts: the texts, and what stays.
func (m *meter) content(ctx context.Context, c *prompt.Content) (err error) {
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Text == nil {
			p.Size, err = m.count(ctx, p.Stays)
		} else {
			err = m.text(ctx, p.Text)
		}
		if err != nil {
			return err
		}
	}
	c.Tokens, err = m.joined(ctx, c, c.Original)
	return err
}

// text counts a text. Of one that may be shortened it notes where the tokens are.
func (m *meter) text(ctx context.Context, t *prompt.Text) (err error) {
	if t.Locked {
		t.Tokens, err = m.count(ctx, t.Original)
	} else {
		err = m.spread(ctx, t)
	}
	t.Size = t.Tokens
	return err
}

// spread counts a text as it stands, and notes where the tokens are.
func (m *meter) spread(ctx context.Context, t *prompt.Text) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.Spread == nil {
		t.Spread = new(tokens.Spread)
	}
	n, err := m.counter.Spread(ctx, m.encoding, t.Current(), t.Spread)
	t.Tokens = n.Tokens
	return err
}

// joined counts a content that stands as its parts do, each of which is counted. One with tags
// is longer than its parts.
func (m *meter) joined(ctx context.Context, c *prompt.Content, content string) (int64, error) {
	m.parts = m.parts[:0]
	at := 0
	for i := range c.Parts {
		text, size := c.Parts[i].Current()
		m.parts = append(m.parts, tokens.Part{Start: at, End: at + len(text), Count: tokens.Count{Tokens: size}})
		at += len(text)
	}
	if at != len(content) {
		return m.count(ctx, content)
	}
	if len(m.parts) == 1 {
		return m.parts[0].Tokens, nil
	}
	n, err := m.counter.CountParts(ctx, m.encoding, content, m.parts)
	return n.Tokens, err
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
		if !t.Counted() {
			if err := m.spread(ctx, t); err != nil {
				return nil, err
			}
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

// after returns the sizes now of the prompt up to the end of each turn; before are what the
// turns had.
func (m *meter) after(ctx context.Context, p *prompt.Prompt, before []int64) ([]int64, error) {
	turns := slices.Clone(before)
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			if !c.Changed() {
				continue
			}
			n, err := m.joined(ctx, c, c.Current())
			if err != nil {
				return nil, err
			}
			turns[i] += n - c.Tokens
		}
	}
	return prefixes(turns), nil
}

// count looks at the context before each text, and the counter does within long ones.
func (m *meter) count(ctx context.Context, text string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c, err := m.counter.CountContext(ctx, m.encoding, text)
	return c.Tokens, err
}
