package index

import (
	"math"
)

// codeBits are the bits of a row's code, and the coordinates that a vector is padded to.
const codeBits = 512

// A code is read in three stages, of 128, 256 and 512 bits.
const (
	leadWords = 2
	restWords = codeBits/64 - leadWords
)

type code struct {
	lead [leadWords]uint64
	rest [restWords]uint64
}

// signs are the two diagonals of ±1 of the rotation, as masks: fixed, so that every replica
// gives a vector the same code.
var signs = func() (d [2][codeBits]int32) {
	state := uint64(0x70_11_6a_7e) // any number does
	for r := range d {
		for i := range d[r] {
			d[r][i] = -int32(splitmix(&state) >> 63)
		}
	}
	return d
}()

// splitmix is Vigna's SplitMix64, a small generator for what needs no secrecy.
func splitmix(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// encode returns the signs of the vector's coordinates after a random rotation. Two rounds of
// signs and Hadamard transform stand for the rotation; all of it is integer arithmetic: 512
// coordinates of at most 128 grow to 2^7·2^9·2^9.
func encode(v []int8) (c code) {
	var x [codeBits]int32
	for i, a := range v {
		x[i] = int32(a)
	}
	for r := range signs {
		d := &signs[r]
		for i := range x {
			x[i] = (x[i] ^ d[i]) - d[i]
		}
		hadamard(&x)
	}
	for w := range leadWords {
		c.lead[w] = word(x[w*64:])
	}
	for w := range restWords {
		c.rest[w] = word(x[(leadWords+w)*64:])
	}
	return c
}

// word packs the signs of 64 coordinates.
func word(x []int32) (w uint64) {
	for i, a := range x[:64] {
		w |= uint64(uint32(a)>>31) << i //nolint:gosec // the sign bit is what is wanted
	}
	return w
}

func hadamard(x *[codeBits]int32) {
	for h := 1; h < codeBits; h *= 2 {
		for i := 0; i < codeBits; i += 2 * h {
			lo, hi := x[i:i+h], x[i+h:i+2*h]
			for j, a := range lo {
				b := hi[j]
				lo[j], hi[j] = a+b, a-b
			}
		}
	}
}

// deviations is how many standard deviations a row's code may be farther off than its cosine
// lets expect before the row is passed over.
const deviations = 3

// limits are the Hamming distances, for each stage, beyond which no row has the cosine that is
// looked for, but by a chance of about 1 in 1,000 a stage.
type limits [3]int

// limitsOf returns the limits for a cosine. Each bit of two codes differs with the chance
// angle/π (Charikar 2002).
func limitsOf(cosine float64) (l limits) {
	p := math.Acos(min(max(cosine, -1), 1)) / math.Pi
	for i, n := range [3]float64{64 * leadWords, codeBits / 2, codeBits} {
		l[i] = int(n*p + deviations*math.Sqrt(n*p*(1-p)) + 0.5)
	}
	return l
}

// dot is the scalar product; b is at least as long as a. No sum of 512 products overflows.
func dot(a []int32, b []int8) int32 {
	var s0, s1, s2, s3 int32
	for len(a) >= 8 && len(b) >= 8 {
		x, y := (*[8]int32)(a), (*[8]int8)(b)
		s0 += x[0]*int32(y[0]) + x[4]*int32(y[4])
		s1 += x[1]*int32(y[1]) + x[5]*int32(y[5])
		s2 += x[2]*int32(y[2]) + x[6]*int32(y[6])
		s3 += x[3]*int32(y[3]) + x[7]*int32(y[7])
		a, b = a[8:], b[8:]
	}
	for i, x := range a {
		s0 += x * int32(b[i])
	}
	return s0 + s1 + s2 + s3
}

// Quantise returns a vector in numbers of eight bits, of which the largest is ±127, as the index keeps
// it; nil if it has no direction.
func Quantise(v []float32) []int8 {
	largest := 0.0
	for _, x := range v {
		largest = max(largest, math.Abs(float64(x))) // NaN if one of them is
	}
	if !(largest > 0) || math.IsInf(largest, 0) {
		return nil
	}
	q := make([]int8, len(v))
	for i, x := range v {
		q[i] = int8(math.Round(float64(x) * 127 / largest))
	}
	return q
}

// cosine of a scalar product and two squared lengths, none of which is zero. The product of
// the squares is below 2^53, so that equal vectors have the cosine 1 and not nearly.
func cosine(dot, a, b int32) float64 {
	return float64(dot) / math.Sqrt(float64(int64(a)*int64(b)))
}

// Cosine is that of two vectors, from -1 to 1; -1 where they can't be compared, because their
// lengths differ or one is zero. They have at most 4,096 numbers.
func Cosine(a, b []int8) float64 {
	if len(a) != len(b) {
		return -1
	}
	var ab, aa, bb int32
	for i := range a {
		x, y := int32(a[i]), int32(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return -1
	}
	return cosine(ab, aa, bb)
}
