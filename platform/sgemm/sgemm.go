// Package sgemm multiplies matrices of float32, which is where a transformer spends its
// time. On amd64 the innermost loop is written for AVX-512 and for AVX2 with FMA; elsewhere
// it is plain Go and an order of magnitude slower.
package sgemm

import "unsafe"

// kernel adds the product of a strip of rows and a packed panel of columns to a tile.
type kernel struct {
	name       string
	rows, cols int
	// run adds a·b to c: rows rows of a and c, which are lda and ldc floats apart, and a
	// panel b of k rows by cols columns without gaps.
	run func(k int, a *float32, lda int, b *float32, c *float32, ldc int)
}

// depth is how many rows of b a panel has at most: with it, a strip of a and a panel of b
// stay in the first-level cache together.
const depth = 256

// maxRows and maxCols bound every kernel's tile.
const (
	maxRows = 12
	maxCols = 32
)

// portable is the kernel for every processor.
var portable = kernel{name: "go", rows: 4, cols: 8, run: runPortable}

func runPortable(k int, a *float32, lda int, b *float32, c *float32, ldc int) {
	// The kernels in assembly have this form, and Multiply gives all of them pointers into
	// slices that it has bounded.
	panel := unsafe.Slice(b, k*8) //nolint:gosec // see above
	for r := range 4 {
		row := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(a), r*lda*4)), k) //nolint:gosec // see above
		out := (*[8]float32)(unsafe.Add(unsafe.Pointer(c), r*ldc*4))               //nolint:gosec // see above
		sum := *out
		for i, x := range row {
			p := (*[8]float32)(panel[i*8:])
			sum[0] += x * p[0]
			sum[1] += x * p[1]
			sum[2] += x * p[2]
			sum[3] += x * p[3]
			sum[4] += x * p[4]
			sum[5] += x * p[5]
			sum[6] += x * p[6]
			sum[7] += x * p[7]
		}
		*out = sum
	}
}

// Multiplier multiplies with the best kernel of this processor. It is safe for concurrent
// use; its scratch space is the caller's.
type Multiplier struct{ kernel kernel }

// New returns the Multiplier for this processor.
func New() *Multiplier { return &Multiplier{kernel: kernels()[0]} }

// Panels returns how many strips of columns a product of n columns has. Multiply computes
// any range of them, so that several goroutines can share a product.
func (m *Multiplier) Panels(n int) int { return (n + m.kernel.cols - 1) / m.kernel.cols }

// Scratch is the working space of one goroutine. Its zero value is ready.
type Scratch struct {
	panel [depth * maxCols]float32
	rows  [maxRows * depth]float32
	tile  [maxRows * maxCols]float32
}

// Multiply sets the panels from first to before last of c (rows by n) to a (rows by k) times
// b (k by n). All are dense, row after row; c must not overlap a or b.
func (m *Multiplier) Multiply(s *Scratch, c, a, b []float32, rows, k, n, first, last int) {
	kn := m.kernel
	for p := first; p < last; p++ {
		col := p * kn.cols
		width := min(kn.cols, n-col)
		for r := range rows {
			clear(c[r*n+col : r*n+col+width])
		}
		for k0 := 0; k0 < k; k0 += depth {
			deep := min(depth, k-k0)
			s.pack(b[k0*n+col:], deep, n, width, kn.cols)
			r := 0
			for ; r+kn.rows <= rows && width == kn.cols; r += kn.rows {
				kn.run(deep, &a[r*k+k0], k, &s.panel[0], &c[r*n+col], n)
			}
			for ; r < rows; r += kn.rows {
				m.edge(s, c[r*n+col:], a[r*k+k0:], min(kn.rows, rows-r), deep, k, n, width)
			}
		}
	}
}

// pack copies a strip of b into the panel, and zeros where the strip is narrower.
func (s *Scratch) pack(b []float32, deep, n, width, cols int) {
	for i := range deep {
		row := s.panel[i*cols : (i+1)*cols]
		copy(row, b[i*n:i*n+width])
		clear(row[width:])
	}
}

// edge computes a tile that is smaller than the kernel's, by way of a whole one.
func (m *Multiplier) edge(s *Scratch, c, a []float32, rows, deep, k, n, width int) {
	kn := m.kernel
	for r := range kn.rows {
		row := s.rows[r*depth : r*depth+deep]
		if r < rows {
			copy(row, a[r*k:r*k+deep])
		} else {
			clear(row)
		}
	}
	clear(s.tile[:])
	kn.run(deep, &s.rows[0], depth, &s.panel[0], &s.tile[0], maxCols)
	for r := range rows {
		out := c[r*n : r*n+width]
		for i, x := range s.tile[r*maxCols : r*maxCols+width] {
			out[i] += x
		}
	}
}
