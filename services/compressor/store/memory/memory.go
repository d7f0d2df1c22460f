// Package memory keeps what was left out of prompts, and how prompts began, in the process,
// each bounded by bytes over all tenants.
//
// Where there is no room, the tenant that holds the most loses its oldest part. So one
// tenant may have all of the memory while nobody else wants any, and can push nobody out
// who holds less than itself. There is one lock; under it pointers are moved, and texts are
// neither copied nor looked at.
package memory

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/priority"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// DefaultMaxBytes is what a store holds when nothing else is said, in bytes.
const DefaultMaxBytes = 64 << 20

// Options bound a [Store].
type Options struct {
	// MaxBytes is the most memory that the parts take, in bytes, with an allowance for what
	// surrounds each; [DefaultMaxBytes] when not positive.
	MaxBytes int64
	// Clock is the system's when nil.
	Clock clock.Clock
}

// Store keeps parts in memory. It implements [compressor.Store] and never fails.
type Store struct {
	clock clock.Clock
	max   int64

	mu      sync.Mutex
	used    int64
	tenants map[string]*tenant
	largest priority.Queue[*tenant]
	byAge   *list.List // of *part: the one that ends first is the first, as all live as long
}

// tenant is what one tenant has. One without parts is forgotten.
type tenant struct {
	id    string
	parts map[string]*part
	byAge *list.List // of *part
	bytes int64
	place int
}

// Before is [priority.Item]'s: who holds the most is the first.
func (t *tenant) Before(other *tenant) bool { return t.bytes > other.bytes }

// Place is [priority.Item]'s.
func (t *tenant) Place() *int { return &t.place }

type part struct {
	tenant     *tenant
	name, text string
	until      time.Time
	size       int64
	all, own   *list.Element // its places by age
}

var _ compressor.Store = (*Store)(nil)

// New returns an empty store.
func New(opts Options) *Store {
	s := &Store{clock: opts.Clock, max: opts.MaxBytes, tenants: make(map[string]*tenant), byAge: list.New()}
	if s.max <= 0 {
		s.max = DefaultMaxBytes
	}
	if s.clock == nil {
		s.clock = clock.Real()
	}
	return s
}

// Get is [compressor.Store]'s.
func (s *Store) Get(_ context.Context, tenantID, name string) (string, bool, error) {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap(now)
	p := s.find(tenantID, name)
	if p == nil || !p.until.After(now) {
		return "", false, nil
	}
	return p.text, true, nil
}

// Put is [compressor.Store]'s. It evicts what it must for the bound to hold whenever the
// lock is free.
func (s *Store) Put(_ context.Context, tenantID string, parts []prompt.Omission, until time.Time) (int, error) {
	now := s.clock.Now()
	if !until.After(now) {
		return 0, nil
	}
	// A conversation leaves the same parts out at each turn: most are there.
	fresh := s.extend(tenantID, parts, until, now)
	for i := range fresh {
		// A part may be a piece of a whole request's text, which it would keep alive.
		fresh[i].Name, fresh[i].Text = strings.Clone(fresh[i].Name), strings.Clone(fresh[i].Text)
	}
	return s.add(strings.Clone(tenantID), parts, fresh, until), nil
}

// extend lets parts that are there live until then, and returns the others.
func (s *Store) extend(tenantID string, parts []prompt.Omission, until, now time.Time) (fresh []prompt.Omission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap(now)
	for _, o := range parts {
		if !s.touch(tenantID, o.Name, until) && len(o.Text) <= compressor.MaxPartBytes {
			fresh = append(fresh, o)
		}
	}
	return fresh
}

// touch lets a part live until then, if it is there.
func (s *Store) touch(tenantID, name string, until time.Time) bool {
	p := s.find(tenantID, name)
	if p == nil {
		return false
	}
	p.until = until
	s.byAge.MoveToBack(p.all)
	p.tenant.byAge.MoveToBack(p.own)
	return true
}

// add takes what is new of the parts in, and tells how many of all there are then.
func (s *Store) add(tenantID string, parts, fresh []prompt.Omission, until time.Time) (kept int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range fresh {
		if !s.touch(tenantID, o.Name, until) {
			s.insert(tenantID, o, until)
		}
	}
	for s.used > s.max {
		s.remove(s.largest.First().byAge.Front())
	}
	for _, o := range parts {
		if s.find(tenantID, o.Name) != nil {
			kept++
		}
	}
	return kept
}

func (s *Store) find(tenantID, name string) *part {
	t := s.tenants[tenantID]
	if t == nil {
		return nil
	}
	return t.parts[name]
}

func (s *Store) insert(tenantID string, o prompt.Omission, until time.Time) {
	t := s.tenants[tenantID]
	if t == nil {
		t = &tenant{id: tenantID, parts: make(map[string]*part, 1), byAge: list.New()}
		s.tenants[tenantID] = t
		s.largest.Push(t)
	}
	p := &part{tenant: t, name: o.Name, text: o.Text, until: until, size: sizeOf(t, o)}
	p.all, p.own = s.byAge.PushBack(p), t.byAge.PushBack(p)
	t.parts[p.name] = p
	s.grow(t, p.size)
}

// grow counts bytes of a tenant's.
func (s *Store) grow(t *tenant, by int64) {
	t.bytes += by
	s.used += by
	s.largest.Fix(t)
}

// remove takes out the part at a place in either list.
func (s *Store) remove(at *list.Element) {
	p, ok := at.Value.(*part)
	if !ok {
		return
	}
	t := p.tenant
	s.byAge.Remove(p.all)
	t.byAge.Remove(p.own)
	delete(t.parts, p.name)
	s.grow(t, -p.size)
	if len(t.parts) == 0 {
		s.largest.Remove(t)
		delete(s.tenants, t.id)
	}
}

// reap takes out what has expired.
func (s *Store) reap(now time.Time) {
	for at := s.byAge.Front(); at != nil; at = s.byAge.Front() {
		if p, ok := at.Value.(*part); !ok || p.until.After(now) {
			return
		}
		s.remove(at)
	}
}

// overhead is what a part takes beside its text: itself, its places in the lists and the
// map, its name, and a tenant of its own, in bytes.
const overhead = 768

// sizeOf is what a part is counted as, in bytes. Go's allocator rounds up to its size
// classes, by an eighth at most (runtime/sizeclasses.go, Go 1.26).
func sizeOf(t *tenant, o prompt.Omission) int64 {
	return int64(overhead + len(t.id) + len(o.Name) + len(o.Text) + len(o.Text)/8)
}
