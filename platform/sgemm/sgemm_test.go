package sgemm

import (
	"fmt"
	"math"
	"testing"
)

// Every kernel gives the product, whatever the sizes: whole tiles, edges in each direction,
// more than one panel's depth, and nothing at all.
func TestMultiply(t *testing.T) {
	rng := new(numbers)
	sizes := [][3]int{
		{1, 1, 1}, {12, 256, 32}, {6, 16, 16}, {13, 257, 33}, {5, 600, 7}, {24, 512, 64}, {37, 64, 129}, {3, 0, 4},
	}
	for _, kn := range kernels() {
		m := &Multiplier{kernel: kn}
		for _, size := range sizes {
			t.Run(fmt.Sprint(kn.name, size), func(t *testing.T) {
				rows, k, n := size[0], size[1], size[2]
				a, b := random(rng, rows*k), random(rng, k*n)
				c := random(rng, rows*n) // what c held must not matter
				var s Scratch
				m.Multiply(&s, c, a, b, rows, k, n, 0, m.Panels(n))
				for i := range rows {
					for j := range n {
						want, size := 0.0, 0.0
						for x := range k {
							p := float64(a[i*k+x]) * float64(b[x*n+j])
							want += p
							size += math.Abs(p)
						}
						if got := float64(c[i*n+j]); math.Abs(got-want) > 1e-6*size {
							t.Fatalf("c[%d,%d] = %v, want %v", i, j, got, want)
						}
					}
				}
			})
		}
	}
}

// The panels may be computed one by one, in any order.
func TestMultiplyByPanels(t *testing.T) {
	rng := new(numbers)
	m := New()
	const rows, k, n = 20, 40, 100
	a, b := random(rng, rows*k), random(rng, k*n)
	whole, parts := make([]float32, rows*n), make([]float32, rows*n)
	var s Scratch
	m.Multiply(&s, whole, a, b, rows, k, n, 0, m.Panels(n))
	for p := m.Panels(n) - 1; p >= 0; p-- {
		m.Multiply(&s, parts, a, b, rows, k, n, p, p+1)
	}
	for i := range whole {
		if whole[i] != parts[i] {
			t.Fatalf("element %d: %v in one, %v in parts", i, whole[i], parts[i])
		}
	}
}

// numbers are the same in each run, between -1 and 1.
type numbers uint32

func (x *numbers) next() float32 {
	*x = *x*1664525 + 1013904223
	return float32(*x>>8)/(1<<23) - 1
}

func random(rng *numbers, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = rng.next()
	}
	return v
}

// The product of a feed-forward layer of BERT base: 512 × 768 by 768 × 3072.
func BenchmarkMultiply(b *testing.B) {
	rng := new(numbers)
	const rows, k, n = 512, 768, 3072
	x, w, c := random(rng, rows*k), random(rng, k*n), make([]float32, rows*n)
	for _, kn := range kernels() {
		b.Run(kn.name, func(b *testing.B) {
			m := &Multiplier{kernel: kn}
			var s Scratch
			for b.Loop() {
				m.Multiply(&s, c, x, w, rows, k, n, 0, m.Panels(n))
			}
			b.ReportMetric(2*float64(rows)*k*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
