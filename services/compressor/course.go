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

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/prompt"
)

// What became of a conversation's turns is noted, so that they become the same in the next one:
// a turn that went out as it came, because its documents are asked about again or because there
// was no time, goes out so from then on, and one that a profile shortened is shortened by that,
// also when the conversation goes on with another. Where nothing is noted of a conversation that
// would have been, it was not compressed, and its earlier turns stay so. What else is not noted
// becomes what the request's profile makes of it: turns may have been answered without the provider,
// or have come several in one request.

// fate is what became of a turn.
type fate byte

const (
	shortened fate = 'c' // what the profile makes of it
	left      fate = 'l' // its texts are as they came
	original  fate = 'o' // it is as it came, with its tags
)

func (f fate) known() bool {
	switch f {
	case shortened, left, original:
		return true
	}
	return false
}

const (
	// ancestors are how many of the last turns may be where the request before ended.
	ancestors = 8
	// sinceLife is how long it is known that a team asks for a profile.
	sinceLife = 24 * time.Hour
)

// course is what is known of a conversation. A nil one is of a prompt that no provider keeps, or
// whose course nobody notes, and does nothing.
type course struct {
	notes  *notesClient
	lately *lately
	clock  clock.Clock
	tenant string
	key    string // of the request's profile
	name   digest // of the prompt for the model
	prompt digest // of it for any
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
	// gap tells that turns between those that are known and the last one may have gone out as they
	// came: nobody knows whether they were sent at all.
	gap bool
}

// follow finds out what became of a conversation's turns, and locks those that stay as they are.
func (s *Service) follow(ctx context.Context, req *Request, profile *Profile, p *prompt.Prompt, cache promptCache) *course {
	if s.notes == nil || cache.least == 0 || int64(len(req.Body)) < 2*cache.least || !anyChanges(p) {
		return nil
	}
	turns := len(p.Turns)
	c := &course{
		notes: s.notes, lately: &s.lately, clock: s.opts.Clock, tenant: req.Tenant, key: profile.key(),
		fates: make([]fate, turns), keys: make([]string, turns), held: make([]*Profile, turns),
	}
	for i := range c.fates {
		c.fates[i], c.keys[i] = shortened, c.key
	}
	prompts := turnNames(req, p, ancestors)
	names := make([]digest, len(prompts))
	for i, n := range prompts {
		names[i] = n.at(req.Provider, req.Model)
	}
	c.name, c.prompt = names[0], prompts[0]
	since := Note{Name: "since:" + req.Provider + ":" + req.Model + ":" + c.key, Life: sinceLife}
	answered, asked := c.look(ctx, names, prompts, since)
	if _, ends := p.Messages(); answered && !asked {
		c.resume(turns > 1 && int64(ends[max(turns-2, 0)]) >= 2*cache.least)
	}
	c.gap = !asked && c.known > 0 && c.known < turns-1
	c.hold(s.opts.Profiles, profile)
	for i, f := range c.fates {
		switch f {
		case left:
			lock(&p.Turns[i])
		case original:
			p.Turns[i].Freeze()
		case shortened: // as the profile makes it
		}
	}
	return c
}

// resume has the turns before the last one stay as they came where notes answer and know nothing of
// them: compression was turned on, or the conversation has rested. kept tells that the provider may
// have them.
func (c *course) resume(kept bool) {
	if !kept || c.known > 0 || c.unsure {
		return
	}
	for i := range c.fates[:len(c.fates)-1] {
		c.fates[i] = original
	}
}

// look asks for the prompt's notes, its last turn's first. answered tells that they are not away,
// asked that the prompt before asked for compression, of this model or of another.
func (c *course) look(ctx context.Context, names, prompts []digest, since Note) (answered, asked bool) {
	now := c.clock.Now()
	notes := make([]Note, 0, len(names)+2)
	for _, n := range names {
		notes = append(notes, Note{Name: n.of("turns"), Life: decisionLife})
	}
	notes = append(notes, since, Note{Name: prompts[min(1, len(prompts)-1)].of("asked"), Life: decisionLife})
	c.unsure = true
	texts := make([]string, len(notes))
	if c.notes.awake() {
		if answers, ok := c.notes.read(ctx, c.tenant, notes); ok {
			texts, answered, asked = answers, true, answers[len(names)+1] != ""
			from, err := strconv.ParseInt(texts[len(names)], 10, 64)
			c.unsure = err != nil || now.Sub(time.Unix(from, 0)) < decisionLife
			if err != nil {
				since.Text = strconv.FormatInt(now.Unix(), 10)
				c.notes.write(ctx, c.tenant, []Note{since})
			}
		}
	}
	for i, n := range names {
		text := texts[i]
		if text == "" {
			text = c.lately.get(c.tenant, n, now)
		}
		if c.take(text, len(c.fates)-i) {
			break
		}
	}
	return answered, asked
}

// courseForm begins a note on turns: another form of it is none.
const courseForm = '\x01'

// take takes a note in that says what became of so many turns: the whole of it, or nothing where it
// has anything that is unknown.
func (c *course) take(text string, turns int) bool {
	if text == "" || text[0] != courseForm {
		return false
	}
	list, fates, _ := strings.Cut(text[1:], ":")
	fates, numbers, several := strings.Cut(fates, ":")
	keys := strings.Split(list, ",")
	if len(fates) != turns || several && len(numbers) != turns {
		return false
	}
	number := func(i int) int {
		if !several {
			return 0
		}
		return int(numbers[i]) - firstNumber
	}
	for i := range turns {
		if n := number(i); !fate(fates[i]).known() || n < 0 || n >= len(keys) {
			return false
		}
	}
	for i := range turns {
		c.fates[i], c.keys[i] = fate(fates[i]), keys[number(i)]
	}
	c.known = turns
	return true
}

// firstNumber is the first profile's in a note, maxProfiles how many have one.
const (
	firstNumber = '0'
	maxProfiles = 64
)

// text is the note on what became of the turns: its form, the keys of their profiles, a letter for
// each turn, and, where there are several profiles, each turn's. It is empty where that is too much.
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
	text := string(courseForm) + strings.Join(keys, ",") + ":" + string(fates)
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

// freeze has the turns go out as they came that are not known: a breakpoint may move on to their
// end, and in a prompt that the caller marks, a provider that keeps it by itself is to find what it
// has. What went out in another way before is what that is, wherever the breakpoint is now.
func (c *course) freeze(p *prompt.Prompt) {
	known := 0
	if c != nil {
		known = c.known
	}
	for i := known; i < len(p.Turns); i++ {
		p.Turns[i].Freeze()
		if c != nil {
			c.fates[i] = original
		}
	}
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
	c.lately.put(c.tenant, c.name, note.Text, c.clock.Now())
	c.notes.write(ctx, c.tenant, []Note{note, {Name: c.prompt.of("asked"), Text: "1", Life: decisionLife}})
}

// reached is the last one of the turns up to one that surely went out by what is known.
func (c *course) reached(turn int) int {
	if c == nil || c.known == 0 {
		return turn
	}
	return min(turn, c.known-1)
}

// before is the turn that the prompt before this one ended in, as far as that is known: turns in a
// gap may not have been sent.
func (c *course) before(p *prompt.Prompt) int {
	if c == nil || !c.gap {
		return len(p.Turns) - 2
	}
	return c.known - 1
}

// found is the last turn that the provider finds as it goes out now, if those in a gap were sent as
// they came.
func (c *course) found(p *prompt.Prompt) int {
	same, turn := 0, c.before(p)
	for same <= len(p.Turns)-2 && !altered(&p.Turns[same]) {
		same++
	}
	return max(turn, same-1)
}

// effect is what becomes of the provider's cache where earlier turns went out otherwise, or may
// have: it does not find what is another now. Sizes are of the prompt up to the end of each turn.
func (c *course) effect(e CacheEffect, cache promptCache, p *prompt.Prompt, before, after []int64) CacheEffect {
	last := len(before) - 2
	if c == nil || cache.kept(before, last) == 0 || !c.other && (c.known > 0 || !c.unsure) {
		return e
	}
	for i := range p.Turns[:last+1] {
		if altered(&p.Turns[i]) {
			e.Lost = max(e.Lost, after[last]-cache.kept(before, i-1))
			return e
		}
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

// at is what is named, for a model of a provider's.
func (d digest) at(provider, model string) digest {
	sum := sha256.New()
	sum.Write(d[:])
	writeTexts(sum, provider, model)
	return digest(sum.Sum(nil))
}

// turnNames are hashes of the prompt up to the ends of its last turns, the last one first.
func turnNames(req *Request, p *prompt.Prompt, most int) []digest {
	raw, ends := p.Messages()
	sum := sha256.New()
	writeTexts(sum, req.Tenant)
	writeTexts(sum, p.Outside()...)
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
	writeTexts(sum, req.Tenant, req.Provider, req.Model)
	writeTexts(sum, p.Outside()...)
}

func writeTexts(sum hash.Hash, texts ...string) {
	for _, text := range texts {
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
