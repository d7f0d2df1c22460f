package prompt

// Outside are the texts outside the messages that count as tokens: the definitions of tools
// and the form of the answer. Providers put them before the messages.
func (p *Prompt) Outside() []string { return p.Turns[0].Fixed[:p.outside] }

// Messages are the bytes of the body from the list of messages on up to the end of the last
// one, and the places in them where each turn ends. They are the same wherever the caller sets
// breakpoints: those are left out, and a content of one text, which has to be written as a list
// to have one, is that text.
func (p *Prompt) Messages() (raw []byte, ends []int) {
	ends = make([]int, len(p.Turns))
	at, from := p.start, places{p: p}
	for i := range p.Turns {
		at = max(at, p.Turns[i].end) // a turn without a message ends where it begins
		ends[i] = from.place(at)
	}
	if len(p.cuts) == 0 {
		return p.body[p.start:at], ends
	}
	return without(p.body[:at], append([]span{{0, p.start}}, p.cuts...)), ends
}

// cut has a span of the body, behind those before, stay out of [Prompt.Messages].
func (p *Prompt) cut(s span) { p.cuts = append(p.cuts, s) }

// places finds where bytes of the body, in no cut and one behind the other, are in
// [Prompt.Messages].
type places struct {
	p         *Prompt
	cuts, cut int // how many are before the last one, and how many bytes they are
}

func (f *places) place(at int) int {
	for ; f.cuts < len(f.p.cuts) && f.p.cuts[f.cuts].end <= at; f.cuts++ {
		f.cut += f.p.cuts[f.cuts].end - f.p.cuts[f.cuts].start
	}
	return at - f.p.start - f.cut
}

// Place is where a text is: behind so many bytes of [Prompt.Messages], and then behind a text
// of the same string.
type Place struct {
	At   int
	Lead string
}

// First finds the first text of a kind in a turn that may be changed; nil when there is none.
func (p *Prompt) First(turn int, kind Kind) (*Text, Place) {
	for _, c := range p.Turns[turn].Contents {
		lead := 0
		for _, part := range c.Parts {
			if t := part.Text; t == nil {
				lead += len(part.Stays)
			} else if t.Kind == kind && !t.Locked {
				return t, Place{At: (&places{p: p}).place(c.start), Lead: c.lead(t, lead)}
			} else {
				lead += len(t.Original)
			}
		}
	}
	return nil, Place{}
}

// lead is what stands before a text in its string, so many bytes long.
func (c *Content) lead(before *Text, size int) string {
	out := make([]byte, 0, size)
	for _, part := range c.Parts {
		switch t := part.Text; {
		case t == before:
			return string(out)
		case t == nil:
			out = append(out, part.Stays...)
		default:
			out = append(out, t.Original...)
		}
	}
	return string(out)
}
