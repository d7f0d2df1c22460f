package memory_test

import (
	"sync"
	"testing"

	"tollgate.dev/platform/memory"
)

func TestBound(t *testing.T) {
	b := memory.NewBound(10)
	if !b.Hold(10) || b.Hold(1) || !b.Full() || b.Held() != 10 {
		t.Errorf("%d of 10 bytes are held", b.Held())
	}
	b.Release(4)
	if b.Full() || b.Hold(5) || !b.Hold(4) {
		t.Errorf("%d of 10 bytes are held", b.Held())
	}
	b.Add(7)
	if b.Held() != 17 || !b.Full() || b.Hold(1) {
		t.Errorf("%d bytes are held", b.Held())
	}
	var none *memory.Bound
	none.Add(1)
	if !none.Hold(1<<60) || none.Full() || none.Held() != 0 {
		t.Error("no bound bounds")
	}
	none.Release(1)
}

func TestBoundOfMany(t *testing.T) {
	b := memory.NewBound(100)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10_000 {
				if b.Hold(30) {
					if b.Held() > 100+8*30 { // each may have tried just now
						t.Error("more is held than there is")
					}
					b.Release(30)
				}
			}
		})
	}
	all.Wait()
	if b.Held() != 0 {
		t.Errorf("%d bytes are left", b.Held())
	}
}
