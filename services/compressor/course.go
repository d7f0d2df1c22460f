package compressor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tollgate.dev/services/compressor/prompt"
)

// What became of a conversation's turns is noted, so that they become the same in the next one:
// a turn that went out as it came, because its documents are asked about again or because there
// was no time, goes out so from then on, and one that a profile shortened is shortened by that,
// also when the conversation goes on with another. What is not noted becomes what the request's
// profile makes of it.

// fate is what became of a turn.
type fate byte

const (
	shortened fate = 'c' // what the profile makes of it, which may be what it was
	left      fate = 'l' // its texts are as they came
	original  fate = 'o' // it is as it came, with its tags
)

const (
	// ancestors are how many of the last turns may be where the request before ended.
	ancestors = 4
	// sinceLife is how long it is known that a team asks for a profile.
	sinceLife = 24 * time.Hour
)

// course is what is known of a conversation. A nil one is of a prompt that no provider keeps, or
// whose course nobody notes, and does nothing.
type course struct {
	began  *beginnings
	tenant string
	key    string // of the request's profile
	name   digest // of the prompt
	fates  []fate // by turn; of those that are not known what becomes of them now
	// keys are, by turn, those of the profiles, and held the profiles where they are others than
	// the request's.
	keys []string
	held []*Profile
	// known is how many turns are, from the first one on. other tells that they were shortened by
	// a profile that nobody knows any more.
	known int
	other bool
	// unsure tells that turns that are not known may have gone out in another way: nobody knows
	// of notes, or the team has not asked for the profile for as long as they are kept.
	unsure bool
}

// follow finds out what became of a conversation's turns, and locks those that stay as they are.
func (s *Service) follow(ctx context.Context, req *Request, profile *Profile, p *prompt.Prompt, cache promptCache) *course {
	b := s.began
	if b == nil || cache.least == 0 || int64(len(req.Body)) < 2*cache.least || !anyChanges(p) {
		return nil
	}
	turns := len(p.Turns)
	c := &course{
		began: b, tenant: req.Tenant, key: profile.key(),
		fates: make([]fate, turns), keys: make([]string, turns), held: make([]*Profile, turns),
	}
	for i := range c.fates {
		c.fates[i], c.keys[i] = shortened, c.key
	}
	names := turnNames(req, p, ancestors)
	c.name = names[0]
	since := Note{Name: "since:" + req.Provider + ":" + req.Model + ":" + c.key, Life: sinceLife}
	c.look(ctx, names, since)
	c.hold(s.opts.Profiles, profile)
	for i, f := range c.fates {
		switch f {
		case left:
			lock(&p.Turns[i])
		case original:
			p.Turns[i].Freeze()
		case shortened:
		}
	}
	return c
}

// look asks for the prompt's notes, its last turn's first.
func (c *course) look(ctx context.Context, names []digest, since Note) {
	b, now := c.began, c.began.clock.Now()
	asked := make([]Note, 0, len(names)+1)
	for _, n := range names {
		asked = append(asked, Note{Name: n.of("turns"), Life: decisionLife})
	}
	asked = append(asked, since)
	c.unsure = true
	texts := make([]string, len(asked))
	if b.awake() {
		if answers, ok := b.read(ctx, c.tenant, asked); ok {
			texts = answers
			from, err := strconv.ParseInt(texts[len(names)], 10, 64)
			c.unsure = err != nil || now.Sub(time.Unix(from, 0)) < decisionLife
			if err != nil {
				since.Text = strconv.FormatInt(now.Unix(), 10)
				b.write(ctx, c.tenant, []Note{since})
			}
		}
	}
	for i, n := range names {
		text := texts[i]
		if text == "" {
			text = b.lately.get(c.tenant, n, now)
		}
		if c.take(text, len(c.fates)-i) {
			return
		}
	}
}

// take takes a note in that says what became of so many turns.
func (c *course) take(text string, turns int) bool {
	list, fates, _ := strings.Cut(text, ":")
	fates, numbers, several := strings.Cut(fates, ":")
	keys := strings.Split(list, ",")
	if len(fates) != turns || several && len(numbers) != turns {
		return false
	}
	for i := range turns {
		number := 0
		if several {
			number = int(numbers[i]) - firstNumber
		}
		if number < 0 || number >= len(keys) {
			return false
		}
		c.fates[i], c.keys[i] = fate(fates[i]), keys[number]
	}
	c.known = turns
	return true
}

// firstNumber is the first profile's in a note, maxProfiles how many have one.
const (
	firstNumber = '0'
	maxProfiles = 64
)

// text is the note on what became of the turns: the keys of their profiles, a letter for each
// turn, and, where there are several profiles, each turn's. It is empty where that is too much.
func (c *course) text(failed bool) string {
	var keys []string
	fates, numbers := make([]byte, len(c.fates)), make([]byte, len(c.fates))
	for i, f := range c.fates {
		if failed {
			f = original
		}
		number := slices.Index(keys, c.keys[i])
		if number < 0 {
			number, keys = len(keys), append(keys, c.keys[i])
		}
		if number >= maxProfiles {
			return ""
		}
		fates[i], numbers[i] = byte(f), byte(firstNumber+number)
	}
	text := strings.Join(keys, ",") + ":" + string(fates)
	if len(keys) > 1 {
		text += ":" + string(numbers)
	}
	if len(text) > MaxNoteBytes {
		return ""
	}
	return text
}

// hold finds the profiles of the turns before the last one, where they were others. That of
// another engine is not held: it has another time limit, and another bound of its texts.
func (c *course) hold(known map[string]Profile, own *Profile) {
	last := len(c.keys) - 1
	c.keys[last] = c.key // it is the one that is asked for
	for i, key := range c.keys[:last] {
		if key == c.key {
			continue
		}
		if i > 0 && key == c.keys[i-1] && c.held[i-1] != nil {
			c.held[i] = c.held[i-1]
			continue
		}
		if c.held[i] = profileOf(known, key); c.held[i] == nil || c.held[i].engine() != own.engine() {
			c.held[i], c.keys[i], c.other = nil, c.key, true
		}
	}
}

// profiles are, by turn, those that shorten them.
func (c *course) profiles(own *Profile, turns int) []*Profile {
	by := make([]*Profile, turns)
	for i := range by {
		if by[i] = own; c != nil && c.held[i] != nil {
			by[i] = c.held[i]
		}
	}
	return by
}

// leave notes that the last turn stays as it is.
func (c *course) leave() {
	if c != nil {
		c.fates[len(c.fates)-1] = left
	}
}

// unsent tells that no turn went out before.
func (c *course) unsent() bool { return c != nil && c.known == 0 && !c.unsure }

// done notes what became of the prompt, the whole of which went out as it came where it failed.
func (c *course) done(ctx context.Context, failed bool) {
	if c == nil {
		return
	}
	text := c.text(failed)
	if text == "" {
		return
	}
	note := Note{Name: c.name.of("turns"), Text: text, Life: decisionLife}
	c.began.lately.put(c.tenant, c.name, note.Text, c.began.clock.Now())
	c.began.write(ctx, c.tenant, []Note{note})
}

// effect is what becomes of the provider's cache where earlier turns went out otherwise, or may
// have: it does not find what is another now. Sizes are of the prompt up to the end of each turn.
func (c *course) effect(e CacheEffect, cache promptCache, p *prompt.Prompt, before, after []int64) CacheEffect {
	last := len(before) - 2
	if c == nil || last < 0 || cache.least == 0 || before[last] < cache.least || !c.other && (c.known > 0 || !c.unsure) {
		return e
	}
	for i := range p.Turns[:last+1] {
		if !altered(&p.Turns[i]) {
			continue
		}
		e.Lost = after[last]
		if i > 0 && before[i-1] >= cache.least {
			e.Lost -= after[i-1]
		}
		return e
	}
	return e
}

// altered tells whether a turn is another than it came.
func altered(t *prompt.Turn) bool {
	for _, c := range t.Contents {
		if c.Changed() {
			return true
		}
	}
	return false
}

func anyChanges(p *prompt.Prompt) bool {
	for i := range p.Turns {
		if changes(&p.Turns[i]) {
			return true
		}
	}
	return false
}

// key tells profiles apart that make other bytes: its rate, which a request may have set, and a
// hash of the rest.
func (p *Profile) key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %s", p.MinTokens, p.Stages, p.engine()))
	return strconv.FormatFloat(p.Rate, 'f', -1, 64) + "-" + hex.EncodeToString(sum[:4])
}

// profileOf finds the profile of a key; nil where there is none any more.
func profileOf(known map[string]Profile, key string) *Profile {
	text, _, _ := strings.Cut(key, "-")
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate > 0 && rate <= 1) {
		return nil
	}
	for _, p := range known {
		if p.Rate = rate; p.key() == key {
			return &p
		}
	}
	return nil
}

// turnNames are hashes of the prompt up to the ends of its last turns, the last one first.
func turnNames(req *Request, p *prompt.Prompt, most int) []digest {
	raw, ends := p.Messages()
	sum := sha256.New()
	writeOutside(sum, req, p)
	names := make([]digest, min(most, len(ends)))
	at := 0
	var out [sha256.Size]byte
	for i := range names {
		end := ends[len(ends)-len(names)+i]
		sum.Write(raw[at:end])
		at = end
		names[len(names)-1-i] = digest(sum.Sum(out[:0]))
	}
	return names
}

// writeOutside writes whose prompt it is, and what stands before its messages. Tenants,
// providers and models have no hash in common.
func writeOutside(sum hash.Hash, req *Request, p *prompt.Prompt) {
	for _, text := range append([]string{req.Tenant, req.Provider, req.Model}, p.Outside()...) {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
		sum.Write(size[:])
		sum.Write([]byte(text))
	}
}

// lately is what a process noted last, for as long as notes are on their way or away. The zero
// value is ready.
type lately struct {
	mu           sync.Mutex
	fresh, stale map[latelyKey]latelyNote
}

type latelyKey struct {
	tenant string
	name   digest
}

type latelyNote struct {
	text string
	at   time.Time
}

// maxLately is how many are there at the least, and half of how many at the most.
const maxLately = 4096

func (l *lately) get(tenant string, name digest, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := latelyKey{tenant, name}
	n, ok := l.fresh[key]
	if !ok {
		n, ok = l.stale[key]
	}
	if !ok || now.Sub(n.at) >= decisionLife {
		return ""
	}
	return n.text
}

func (l *lately) put(tenant string, name digest, text string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh == nil || len(l.fresh) >= maxLately {
		l.fresh, l.stale = make(map[latelyKey]latelyNote), l.fresh
	}
	l.fresh[latelyKey{strings.Clone(tenant), name}] = latelyNote{text, now}
}
