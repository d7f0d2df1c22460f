package compressor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/prompt"
)

// Many calls may give the same documents and ask another question each. As they are, the
// provider reads the documents from its cache; compressed, they are chosen by the question, and
// each call pays for other bytes in full. So it is remembered for a while how prompts began,
// and one whose beginning was there before stays as it is where that is cheaper. Only the turn
// that a prompt ends in can have another end the next time; what was decided of it holds in
// every later turn of its conversation. Nothing of a prompt is remembered but hashes.

const (
	// beginningLife is how long a provider's cache is taken to keep what nobody asks for.
	// OpenAI, "Prompt caching" (developers.openai.com/api/docs/guides/prompt-caching, November
	// 2026): 5 to 10 minutes of inactivity, an hour at most; the other providers name no time.
	beginningLife = 10 * time.Minute
	// decisionLife is as long as a conversation may rest and go on with the same bytes.
	decisionLife = time.Hour
)

// A beginning is told by what stands before the first text that may be changed, and by as much
// of that, in bytes.
const openingBytes = 2 << 10

// digest is the beginning of a SHA-256. Within a tenant, chance finds no two alike.
type digest [16]byte

// beginnings are what is known of how prompts begin. A nil one knows nothing.
type beginnings struct {
	notes  *notesClient
	habits *habits
	clock  clock.Clock
}

func newBeginnings(notes *notesClient, c clock.Clock) *beginnings {
	if notes == nil {
		return nil
	}
	return &beginnings{notes: notes, habits: newHabits(), clock: c}
}

// ending is the turn that a prompt ends in, where it may be another after the same beginning.
// A nil one is where that makes no difference.
type ending struct {
	beginnings *beginnings
	req        *Request
	cache      promptCache
	habit      string
	untold     bool // who is likely to serve keeps nothing
	name       digest
	kept       record // as it is written when the prompt is done
	// again tells that the beginning was there before, with another end or with the same;
	// before is what is known of that prompt.
	again, same bool
	before      record
	// read is how much of the prompt, in tokens, the provider has from the prompt before if
	// nothing is compressed; head is how much if everything is.
	read, head int64
	// hoped is how many tokens the estimate says that compression saves.
	hoped float64
	// leave tells that the turn is to stay as it is.
	leave bool
}

// recall locks the texts of the last turn if that is to stay. It asks only where the turn has
// documents that stand before what is asked, in a prompt that the provider keeps. Of tool
// results the question is part of the beginning.
func (b *beginnings) recall(ctx context.Context, req *Request, profile *Profile, p *prompt.Prompt, cache promptCache, before []int64) *ending {
	if b == nil || !cache.within || !cache.keeps(before) {
		return nil
	}
	last := len(p.Turns) - 1
	if !gives(&p.Turns[last], before[last] >= profile.MinTokens) || !b.notes.awake() {
		return nil
	}
	f := fingerprintOf(req, p)
	known, ok := b.notes.read(ctx, req.Tenant, []Note{{Name: f.name.of("began"), Life: beginningLife}})
	if !ok {
		return nil
	}
	e := &ending{
		beginnings: b, req: req, cache: cache, habit: req.Tenant + "\x00" + req.Provider + "\x00" + req.Model,
		name: f.name, kept: record{whole: f.whole, marks: f.marks, share: unknown},
	}
	after := estimated(p, before, profile.Rate)
	if e.hoped = float64(before[last] - after[last]); last > 0 {
		e.hoped -= float64(before[last-1] - after[last-1])
	}
	if e.hoped < prompt.FloorStep {
		return nil
	}
	e.head = f.tokens(f.opening, before, cache.least)
	e.before, e.again = parseRecord(known[0])
	e.decide(f, before)
	if e.leave {
		lock(&p.Turns[last])
	}
	return e
}

// estimated is what the prompt comes to by the end of each turn when every text that may be
// changed keeps its share.
func estimated(p *prompt.Prompt, before []int64, rate float64) []int64 {
	after, left := make([]int64, len(before)), p.Texts
	var less int64
	for i := range after {
		for len(left) > 0 && left[0].Turn == i {
			if t := left[0]; !t.Locked {
				less += t.Size - int64(cmp.Or(t.Rate, rate)*float64(t.Size))
			}
			left = left[1:]
		}
		after[i] = before[i] - less
	}
	return after
}

// decide compares what the prompt costs as it is with what it costs compressed.
func (e *ending) decide(f *fingerprint, before []int64) {
	b, now := e.beginnings, e.beginnings.clock.Now()
	hoped := float64(e.cache.cost(ledger{plain: int64(e.hoped)})) // what is hoped for is whole
	whole := before[len(before)-1]
	if !e.again {
		gain := hoped * b.habits.share(e.habit)
		e.leave = b.habits.begins(e.habit, e.name, gain, float64(e.cache.missed(whole-e.head))-gain, now)
		return
	}
	e.kept.share = e.before.share
	e.kept.counted = e.before.counted
	if e.same = e.before.whole == e.kept.whole; e.same { // a repeat: it becomes what it became
		e.read = whole
		return
	}
	shared := f.shared(e.before.marks)
	e.read = f.tokens(shared, before, e.cache.least)
	share := float64(e.before.share)
	if share == unknown {
		share = b.habits.share(e.habit)
	}
	// Up to the next mark it may be more. To leave what would be as cheap compressed loses
	// nothing from the next time on, and to compress what would be cheaper loses each time.
	most := f.tokens(min(step(shared), f.ends[len(f.ends)-1]), before, e.cache.least)
	e.leave = float64(e.cache.missed(most-e.head)) > hoped*share
	if e.leave {
		b.habits.returns(e.habit, e.name, !e.before.counted, now)
		e.kept.counted = true
	}
}

// done says what became of the provider's cache by what is known of the beginning, and
// remembers how the prompt began. Sizes are of the prompt up to the end of each turn.
func (e *ending) done(ctx context.Context, result Result, before, after []int64) Result {
	if e == nil {
		return result
	}
	last := len(before) - 1
	saved := before[last] - after[last]
	var kept int64 // of the turns before, which every later turn finds
	if last > 0 {
		saved -= before[last-1] - after[last-1]
		kept = e.cache.kept(before, last-1)
	}
	// Tags are taken out of what is left, too, in the same way each time.
	compressed := saved > 0 && !e.leave
	switch {
	case e.untold:
	case e.same && compressed:
		result.Cache = CacheEffect{Read: result.Original - result.Compressed}
		if e.cache.kept(after, last) == 0 {
			result.Cache.Lost = after[last]
		}
	case e.again && !e.same && (compressed || !e.before.left):
		missed := max(e.read, kept) - max(e.head, kept)
		read := min(missed, result.Original-result.Compressed-result.Cache.Read)
		result.Cache.Read += read
		result.Cache.Lost += missed - read
	}
	if result.Body == nil && result.Cache.Lost > 0 {
		result.Engine = None
	}
	if e.same {
		return result
	}
	if e.kept.left = !compressed; !e.leave {
		e.kept.share = float32(float64(saved) / e.hoped)
		e.beginnings.habits.brought(e.habit, e.hoped, float64(saved))
	}
	e.beginnings.notes.write(ctx, e.req.Tenant, []Note{{Name: e.name.of("began"), Text: e.kept.text(), Life: beginningLife}})
	return result
}

// keeps tells whether a prompt is long enough to be kept.
func (c promptCache) keeps(before []int64) bool {
	return c.kept(before, len(before)-1) > 0
}

// gives tells whether a turn has a text beside its question that would be changed: in a prompt
// that is large enough, or between tags.
func gives(t *prompt.Turn, large bool) bool {
	for _, c := range t.Contents {
		for _, text := range c.Texts {
			if text.Kind == prompt.Context && !text.Locked && (large || c.Tagged()) {
				return true
			}
		}
	}
	return false
}

func lock(t *prompt.Turn) {
	for _, c := range t.Contents {
		for _, text := range c.Texts {
			text.Locked = true
		}
	}
}

// fingerprint is a prompt by hashes of its beginnings.
type fingerprint struct {
	whole   digest   // of the prompt
	name    digest   // of how it begins
	marks   []uint64 // of the prompt up to each of the steps
	opening int      // where the last turn's first text is
	ends    []int    // of all turns
	outside int      // what stands before the messages
}

// fingerprintOf takes the fingerprint of a prompt whose last turn has documents.
func fingerprintOf(req *Request, p *prompt.Prompt) *fingerprint {
	raw, ends := p.Messages()
	f := &fingerprint{ends: ends}
	for _, text := range p.Outside() {
		f.outside += len(text)
	}
	sum := sha256.New()
	writeOutside(sum, req, p)
	first, place := p.First(len(p.Turns)-1, prompt.Context)
	f.opening = place.At
	stops := make([]int, 0, 256)
	stops = append(stops, place.At, len(raw))
	for at := step(0); at < len(raw); at = step(at) {
		stops = append(stops, at)
	}
	slices.Sort(stops)
	at := 0
	var out [sha256.Size]byte
	next := step(0)
	for _, stop := range slices.Compact(stops) {
		sum.Write(raw[at:stop])
		at = stop
		d := digest(sum.Sum(out[:0]))
		if stop == place.At {
			f.name = opening(d, place.Lead, first.Original)
		}
		if stop == next {
			f.marks = append(f.marks, binary.LittleEndian.Uint64(d[:]))
			next = step(next)
		}
		f.whole = d
	}
	return f
}

// step is the next place at which a hash is taken, in bytes: about every 128 tokens, in whose
// steps providers count, and in a long prompt at every thirty-second part.
func step(at int) int { return at + max(512, at/32) }

// opening names how a prompt begins.
func opening(before digest, lead, text string) digest {
	sum := sha256.New()
	sum.Write(before[:])
	sum.Write([]byte(lead))
	sum.Write([]byte(text[:min(len(text), openingBytes)]))
	return digest(sum.Sum(nil))
}

// shared is how many bytes the prompt begins with in common with one of those marks, at the
// least.
func (f *fingerprint) shared(marks []uint64) int {
	at := 0
	for i := range min(len(marks), len(f.marks)) {
		if marks[i] != f.marks[i] {
			break
		}
		at = step(at)
	}
	return at
}

// tokens estimates how many tokens so many bytes of the messages are, by the size of their
// turns; none where the provider keeps no prompt that is so short.
func (f *fingerprint) tokens(bytes int, before []int64, least int64) int64 {
	from, size := -f.outside, int64(0) // where the turn begins
	for i, end := range f.ends {
		if bytes < end {
			size += int64(float64(before[i]-size) * float64(bytes-from) / float64(end-from))
			break
		}
		from, size = end, before[i]
	}
	if size < least {
		return 0
	}
	return size
}

// of is the name of a note on something.
func (d digest) of(kind string) string { return kind + ":" + hex.EncodeToString(d[:]) }

// record is what is remembered of the last prompt that began in a way.
type record struct {
	whole digest   // of the prompt
	marks []uint64 // of its beginnings
	// left tells that its last turn went out as it was, counted that it is known to habits that
	// it came again.
	left, counted bool
	// share is what compression saved the last time of what the estimate said; unknown before.
	share float32
}

const unknown = -1

// recordForm begins a record's text: another form of it is none.
const recordForm = 1

const recordHead = 2 + 4 + len(digest{})

func (r *record) text() string {
	var flags byte
	if r.left {
		flags |= 1
	}
	if r.counted {
		flags |= 2
	}
	out := make([]byte, 0, recordHead+8*len(r.marks))
	out = append(out, recordForm, flags)
	out = binary.LittleEndian.AppendUint32(out, math.Float32bits(r.share))
	out = append(out, r.whole[:]...)
	for _, m := range r.marks {
		out = binary.LittleEndian.AppendUint64(out, m)
	}
	return string(out)
}

func parseRecord(text string) (r record, ok bool) {
	raw := []byte(text)
	if len(raw) < recordHead || raw[0] != recordForm || (len(raw)-recordHead)%8 != 0 {
		return r, false
	}
	r.left, r.counted = raw[1]&1 != 0, raw[1]&2 != 0
	r.share = math.Float32frombits(binary.LittleEndian.Uint32(raw[2:]))
	r.whole = digest(raw[6:recordHead])
	for raw = raw[recordHead:]; len(raw) > 0; raw = raw[8:] {
		r.marks = append(r.marks, binary.LittleEndian.Uint64(raw))
	}
	return r, true
}
