package index

// slabSize is how many values a slab takes from the heap at a time.
const slabSize = 128

// slab is a list that grows without copying and gives back what it has no use for. T holds no
// pointers, so that the collector looks at one pointer for each 128 values.
type slab[T any] struct {
	chunks []*[slabSize]T
	n      uint32
}

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/slabSize][i%slabSize] }

// push appends v and returns its place.
func (s *slab[T]) push(v T) uint32 {
	i := s.n
	if int(i/slabSize) == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabSize]T))
	}
	s.n++
	*s.at(i) = v
	return i
}

// pop takes the last value off. A chunk goes when another half is free.
func (s *slab[T]) pop() {
	s.n--
	if last := len(s.chunks) - 1; int(s.n)+slabSize/2 <= last*slabSize {
		s.chunks[last] = nil
		s.chunks = s.chunks[:last]
	}
}
