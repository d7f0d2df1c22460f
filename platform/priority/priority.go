// Package priority has a queue out of which the first goes, whose items may change their rank, and may
// be taken out, wherever they stand.
package priority

import "container/heap"

// Item is what stands in a queue: in one at a time.
type Item[T any] interface {
	// Before reports whether the item comes out before another one.
	Before(other T) bool
	// Place is where the item keeps its place, which is the queue's to read and write.
	Place() *int
}

// Queue of items. The zero value is empty. It is not safe for concurrent use.
type Queue[T Item[T]] struct{ items ordered[T] }

// Len is how many there are.
func (q *Queue[T]) Len() int { return len(q.items) }

// First is the item that comes out first; there must be one. It takes constant time.
func (q *Queue[T]) First() T { return q.items[0] }

// Push puts an item in, in O(log n).
func (q *Queue[T]) Push(item T) { heap.Push(&q.items, item) }

// Fix brings an item to where its new rank has it, in O(log n). Nothing else may be done to the queue
// between the change and Fix.
func (q *Queue[T]) Fix(item T) { heap.Fix(&q.items, *item.Place()) }

// Remove takes an item out, in O(log n).
func (q *Queue[T]) Remove(item T) { heap.Remove(&q.items, *item.Place()) }

// ordered is [heap.Interface]'s.
type ordered[T Item[T]] []T

func (o ordered[T]) Len() int           { return len(o) }
func (o ordered[T]) Less(i, j int) bool { return o[i].Before(o[j]) }

func (o ordered[T]) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	*o[i].Place(), *o[j].Place() = i, j
}

// Push is [heap.Interface]'s.
func (o *ordered[T]) Push(x any) {
	item := x.(T) //nolint:errcheck,forcetypeassert // Queue pushes nothing else
	*item.Place() = len(*o)
	*o = append(*o, item)
}

// Pop is [heap.Interface]'s.
func (o *ordered[T]) Pop() any {
	var none T
	last := len(*o) - 1
	item := (*o)[last]
	(*o)[last] = none // which would keep it alive
	*o = (*o)[:last]
	return item
}
