package simulator

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// prefixCache remembers which prompt prefixes have been seen, by their hash.
// It is bounded; the oldest entries make room.
type prefixCache struct {
	mu    sync.Mutex
	until map[uint64]time.Time
	order []uint64
	head  int
	seed  maphash.Seed
}

func newPrefixCache(size int) *prefixCache {
	return &prefixCache{until: make(map[uint64]time.Time), order: make([]uint64, 0, size), seed: maphash.MakeSeed()}
}

func (p *prefixCache) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.until)
	p.order, p.head = p.order[:0], 0
}

// has tells whether a prefix is remembered, and lengthens its life by ttl.
func (p *prefixCache) has(key uint64, now time.Time, ttl time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.until[key]
	if !ok || now.After(until) {
		return false
	}
	if again := now.Add(ttl); again.After(until) {
		p.until[key] = again
	}
	return true
}

func (p *prefixCache) put(key uint64, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.until[key]; !ok {
		if len(p.order) < cap(p.order) {
			p.order = append(p.order, key)
		} else {
			delete(p.until, p.order[p.head])
			p.order[p.head] = key
			p.head = (p.head + 1) % len(p.order)
		}
	}
	p.until[key] = until
}

// mark is a place in the prompt where a prefix may end.
type mark struct {
	key   uint64
	bytes int
	ttl   time.Duration // of an explicit breakpoint, 0 for none
}

// prompt hashes a prompt from its start, and notes the places on the way.
type prompt struct {
	h     maphash.Hash
	bytes int
	marks []mark
}

func (x *exchange) newPrompt() *prompt {
	p := &prompt{}
	p.h.SetSeed(x.s.prefixes.seed)
	p.add([]byte(x.d.provider()), 0)
	p.add([]byte(x.name), 0)
	return p
}

// add takes a part of the prompt that counts for the given number of bytes.
func (p *prompt) add(part []byte, bytes int) {
	_, _ = p.h.Write(part)
	_ = p.h.WriteByte(0)
	p.bytes += bytes
}

// mark notes where a breakpoint may lie.
func (p *prompt) mark() {
	p.marks = append(p.marks, mark{key: p.h.Sum64(), bytes: p.bytes})
}

// least is the shortest prompt prefix that is cached, in tokens. Sources, read in November 2026:
// Google, "Context caching" (Gemini 2.5: 2,048; later ones: 4,096); Anthropic, "Prompt caching"
// (Haiku 3 and 3.5: 2,048; Haiku 4.5, Opus 4.5 and 4.6: 4,096; others of the time: 1,024);
// OpenAI, "Prompt caching" (1,024); Groq, "Prompt Caching" (128 to 1,024, by model).
func (x *exchange) least() int {
	const usual = 1024
	if n := x.s.opt.MinCacheTokens; n > 0 {
		return n
	}
	switch x.d.provider() {
	case Gemini:
		switch version := geminiVersion(x.name); {
		case version > 205:
			return 4096
		case version == 205:
			return 2048
		}
	case Anthropic:
		haiku, version := strings.Contains(x.name, "haiku"), claudeVersion(x.name)
		switch {
		case haiku && version == 405, strings.Contains(x.name, "opus") && (version == 405 || version == 406):
			return 4096
		case haiku && version >= 300 && version < 400:
			return 2048
		}
	default:
	}
	return usual
}

// implicit is the cache that needs no asking, as OpenAI, Groq and Gemini have
// it: the longest prefix of whole messages that was seen before and has
// the size, rounded down to 128 tokens as OpenAI does. It answers how
// many tokens are read from the cache, and remembers this prompt.
// https://platform.openai.com/docs/guides/prompt-caching (read 2026-11).
func (x *exchange) implicit(p *prompt) int {
	const step = 128
	least := x.least()
	if tokens(p.bytes) < least {
		return 0
	}
	now, cached := x.s.opt.Now(), 0
	for _, m := range p.marks {
		if n := tokens(m.bytes) / step * step; n >= least && x.s.prefixes.has(m.key, now, time.Hour) {
			cached = n
		}
	}
	for _, m := range p.marks {
		if tokens(m.bytes) >= least {
			x.s.prefixes.put(m.key, now.Add(time.Hour))
		}
	}
	return cached
}
