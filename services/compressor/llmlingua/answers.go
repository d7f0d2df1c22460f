package llmlingua

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// maxAnswers is how many answers are kept at the least, and half of how many at the most: 8
// MiB.
const maxAnswers = 2048

// answers are what the model said of the last chunks, by a hash of them. A conversation comes
// again with every turn, and the model takes seconds for a chunk. Each tenant's are apart. They hold no text. The zero
// value is ready.
type answers struct {
	mu           sync.Mutex
	fresh, stale map[[sha256.Size]byte][]float32
}

// key names a chunk of a tenant's. Its mask follows from its tokens.
func (a asked) key() [sha256.Size]byte {
	b := make([]byte, 0, 8+len(a.tenant)+8*len(a.ids))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(a.tenant)))
	b = append(b, a.tenant...)
	for _, id := range a.ids {
		b = binary.LittleEndian.AppendUint64(b, uint64(id)) //nolint:gosec // its bits
	}
	return sha256.Sum256(b)
}

// get returns an answer, which must not be written to.
func (m *answers) get(key [sha256.Size]byte) ([]float32, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.fresh[key]
	if !ok {
		if p, ok = m.stale[key]; ok {
			m.keep(key, p) // what is used again stays
		}
	}
	return p, ok
}

func (m *answers) put(key [sha256.Size]byte, p []float32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, p)
}

// keep adds an answer. When there are enough, those that were not used since the last time
// that there were are forgotten.
func (m *answers) keep(key [sha256.Size]byte, p []float32) {
	if len(m.fresh) >= maxAnswers || m.fresh == nil {
		m.stale, m.fresh = m.fresh, make(map[[sha256.Size]byte][]float32)
	}
	m.fresh[key] = p
}
