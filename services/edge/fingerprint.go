package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"

	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/jsonscan"
)

// digest is what tells a request from others.
type digest struct {
	// fingerprint is a SHA-256 over everything that changes the answer: two requests that
	// have it in common are the same.
	fingerprint [sha256.Size]byte
	// context is a SHA-256 over the same but for the last user's text, where the request has
	// a question.
	context [sha256.Size]byte
	// question is that text, as it stands in the request's body, with its quotes; nil for a
	// request without a question, whose fingerprint alone counts.
	question []byte
	// bare is set where that text is all that the model is told: it is the only message, and no other member
	// can say who is meant by "you". It follows from what the context is of.
	bare bool
}

// maxQuestionBytes is how long a question may be, in bytes: the cache judges no longer ones.
const maxQuestionBytes = cachetier.MaxQuestionBytes

// setting is what changes an answer and is not in the body, or not in the body alone. Those
// of one request have different names.
type setting struct{ name, value string }

// digest reads what tells the request from others: the members in the order of their names,
// at any depth, without meaningless white space, and the settings.
//
// The context is the hash of a sequence from which all of it can be read again, so that no
// two requests run into the same bytes. Members come first, each with its name's length, the
// name, and the value: a list or an object as [jsonscan.Sorter] writes it and a 0, which is not
// in it, anything else after a 0, which begins neither, and its length. Settings follow a
// length that no name has. The fingerprint is the hash of the context, whose length is fixed,
// one byte that tells whether there is a question, and the question.
func (c *chatRequest) digest(settings ...setting) (d digest) {
	h, _ := hashers.Get().(*hasher) // the pool holds nothing else
	defer h.giveBack()
	for m := range c.fields.All() {
		if !notInFingerprint(string(m.Key)) {
			h.members = append(h.members, m)
		}
	}
	d.bare = !slices.ContainsFunc(h.members, func(m jsonscan.Member) bool { return !tellsNothing(string(m.Key)) })
	slices.SortFunc(h.members, func(a, b jsonscan.Member) int { return bytes.Compare(a.Key, b.Key) })
	for _, m := range h.members {
		h.framed(m.Key)
		value := m.Raw(c.body)
		if m.Kind != jsonscan.KindArray && m.Kind != jsonscan.KindObject {
			h.byte(0)
			h.framed(value)
			continue
		}
		sorted := h.sorter.Read(value)
		var text jsonscan.Element
		if string(m.Key) == "messages" {
			if text = h.lastText(sorted.Root()); text.Kind() == jsonscan.KindString {
				d.question = text.Raw()
			}
			d.bare = d.bare && sorted.Root().Len() == 1
		}
		h.flush()
		_ = sorted.Write(h.hash, text) // a hash never fails
		h.byte(0)
	}
	h.length(endOfMembers)
	for _, s := range settings { // they are short
		h.length(uint64(len(s.name)))
		h.gathered = append(h.gathered, s.name...)
		h.length(uint64(len(s.value)))
		h.gathered = append(h.gathered, s.value...)
	}
	h.sum(&d.context)
	h.hash.Reset()
	h.gathered = append(h.gathered, d.context[:]...)
	if d.question == nil {
		h.byte(0)
	} else {
		h.byte(1)
		h.bytes(d.question)
	}
	h.sum(&d.fingerprint)
	return d
}

// notInFingerprint are members that do not change the answer, but for `compress`, which
// says the same as a header, a key or a tenant may.
func notInFingerprint(name string) bool {
	switch name {
	case "cache", "caching", "compress", "user", "metadata", "timeout", "safety_identifier", "prompt_cache_key", "store", "stream", "stream_options":
		return true
	}
	return ignoredMember(name)
}

// tellsNothing are members from which the model hears nothing of what it is. Of others nobody knows: tools
// may be a company's.
func tellsNothing(name string) bool {
	switch name {
	case "model", "messages", "max_tokens", "max_completion_tokens", "n", "temperature", "top_p", "top_k", "min_p", "stop", "seed",
		"presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs", "reasoning_effort", "verbosity",
		"service_tier", "prompt_cache_retention", "drop_params":
		return true
	}
	return false
}

// endOfMembers stands where a name's length would.
const endOfMembers = 1<<64 - 1

// hasher gathers what is hashed, so that not each piece of it is one Write. Used again and
// again, it allocates nothing for requests of one size.
type hasher struct {
	hash     hash.Hash
	sorter   jsonscan.Sorter
	members  []jsonscan.Member
	gathered []byte
	// text is room for a question.
	text []byte
}

var hashers = sync.Pool{New: func() any {
	return &hasher{hash: sha256.New(), members: make([]jsonscan.Member, 0, 32), gathered: make([]byte, 0, 1<<10), text: make([]byte, 0, maxQuestionBytes)}
}}

// maxKeptMembers is how many members there is room left for from one request to the next.
const maxKeptMembers = 256

// giveBack lets go of the request.
func (h *hasher) giveBack() {
	h.hash.Reset()
	h.sorter.Reset()
	clear(h.members)
	h.members, h.gathered = h.members[:0], h.gathered[:0]
	if cap(h.members) > maxKeptMembers {
		h.members = nil
	}
	hashers.Put(h)
}

func (h *hasher) length(n uint64) { h.gathered = binary.LittleEndian.AppendUint64(h.gathered, n) }

func (h *hasher) byte(b byte) { h.gathered = append(h.gathered, b) }

// framed writes a piece after its length.
func (h *hasher) framed(piece []byte) {
	h.length(uint64(len(piece)))
	h.bytes(piece)
}

func (h *hasher) bytes(piece []byte) {
	if len(h.gathered)+len(piece) <= cap(h.gathered) {
		h.gathered = append(h.gathered, piece...)
		return
	}
	h.flush()
	h.hash.Write(piece)
}

func (h *hasher) flush() {
	h.hash.Write(h.gathered)
	h.gathered = h.gathered[:0]
}

func (h *hasher) sum(into *[sha256.Size]byte) {
	h.flush()
	h.gathered = h.hash.Sum(h.gathered)
	copy(into[:], h.gathered)
	h.gathered = h.gathered[:0]
}

// lastText is where the request's question stands: the text of the last of its messages, if
// that is a user's, has text alone, and is neither empty nor too long.
func (h *hasher) lastText(messages jsonscan.Element) (none jsonscan.Element) {
	last := messages.Last()
	if !jsonscan.EqualString(last.Member("role").Raw(), "user") {
		return none
	}
	text := last.Member("content")
	if parts := text; parts.Kind() == jsonscan.KindArray {
		if parts.Len() != 1 || !jsonscan.EqualString(parts.Last().Member("type").Raw(), "text") {
			return none
		}
		text = parts.Last().Member("text")
	}
	if text.Kind() != jsonscan.KindString || !h.asks(text.Raw()) {
		return none
	}
	return text
}

// asks tells whether a text is one of a question.
func (h *hasher) asks(raw []byte) bool {
	const longest = len(`\u0000`) // that one byte is spelled
	if len(raw)-len(`""`) > longest*maxQuestionBytes {
		return false
	}
	var err error
	h.text, err = jsonscan.AppendString(h.text[:0], raw)
	return err == nil && cachetier.Unasked(h.text) == ""
}
