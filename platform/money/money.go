// Package money holds amounts of US dollars as whole nano-dollars.
//
// Prices of language models go down to fractions of a micro-dollar a token, and budgets
// must add up to the last digit however many calls there are, so no amount is ever a
// float. A [Nano] is an int64: its range is ±$9,223,372,036.854775807.
//
// JSON and text show dollars. Reading is exact or fails: an amount with digits beyond the
// ninth decimal place is [ErrPrecision], not a silently rounded number.
package money

import (
	"errors"
	"fmt"
	"math"
)

// Nano is an amount in nano-dollars, 1e-9 US dollars. It may be negative (a credit, or what
// is left of an overspent budget).
type Nano int64

// Amounts that are handy in code and tests, and the bounds of the type.
const (
	// Dollar is one US dollar.
	Dollar Nano = 1_000_000_000
	// Cent is one hundredth of a dollar.
	Cent Nano = Dollar / 100
	// Max is the largest amount, $9,223,372,036.854775807.
	Max Nano = math.MaxInt64
	// Min is the smallest amount, -$9,223,372,036.854775808.
	Min Nano = math.MinInt64
)

// Errors of the parsers. The parsers wrap them with the text only when it is a plausible
// number; test with errors.Is.
var (
	// ErrSyntax is text that is no decimal number.
	ErrSyntax = errors.New("money: not a decimal number")
	// ErrRange is an amount outside Min..Max.
	ErrRange = errors.New("money: amount out of range")
	// ErrPrecision is an amount finer than one nano-dollar.
	ErrPrecision = errors.New("money: amount finer than a nano-dollar")
)

// Add returns a+b. ok is false when the sum overflows; the sum is then meaningless.
func Add(a, b Nano) (sum Nano, ok bool) {
	sum = a + b
	// Overflow happened only if both operands have the sign that the sum lacks.
	return sum, (a^sum)&(b^sum) >= 0
}

// Sub returns a-b. ok is false when the difference overflows; it is then meaningless.
func Sub(a, b Nano) (diff Nano, ok bool) {
	diff = a - b
	return diff, (a^b)&(a^diff) >= 0
}

// AddSat returns a+b, or the nearer bound of the type when that overflows. It suits
// reservations and limits, where "more than can be counted" must stay "more".
func AddSat(a, b Nano) Nano {
	sum, ok := Add(a, b)
	switch {
	case ok:
		return sum
	case a > 0:
		return Max
	default:
		return Min
	}
}

// SubSat returns a-b, or the nearer bound of the type when that overflows.
func SubSat(a, b Nano) Nano {
	diff, ok := Sub(a, b)
	switch {
	case ok:
		return diff
	case a >= 0:
		return Max
	default:
		return Min
	}
}

// magnitude returns |v| as an unsigned number; it is right for math.MinInt64 too.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v) //nolint:gosec // two's complement: exact, also for the least value
	}
	return uint64(v)
}

// fromMagnitude puts a sign on an unsigned magnitude. ok is false out of range.
func fromMagnitude(m uint64, negative bool) (Nano, bool) {
	if negative {
		if m > 1<<63 {
			return 0, false
		}
		return Nano(-m), true //nolint:gosec // two's complement: exact, also for 1<<63
	}
	if m > math.MaxInt64 {
		return 0, false
	}
	return Nano(m), true
}

// Dollars returns the amount in dollars with exact digits: no exponent, no trailing zeros,
// a "-" in front when negative ("0.0125", "-3", "0").
func (n Nano) Dollars() string {
	var buf [24]byte
	return string(n.AppendDollars(buf[:0]))
}

// AppendDollars appends what Dollars returns to dst, without allocating for it.
func (n Nano) AppendDollars(dst []byte) []byte {
	m := magnitude(int64(n))
	if n < 0 {
		dst = append(dst, '-')
	}
	dst = appendUint(dst, m/uint64(Dollar))
	frac := m % uint64(Dollar)
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := uint64(Dollar) / 10; frac > 0; digit /= 10 {
		dst = append(dst, byte('0'+frac/digit)) //nolint:gosec // a single decimal digit
		frac %= digit
	}
	return dst
}

func appendUint(dst []byte, v uint64) []byte {
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + v%10)
		v /= 10
		if v == 0 {
			return append(dst, buf[i:]...)
		}
	}
}

// String returns the amount with its currency sign, for logs and errors: "$0.0125", "-$3".
func (n Nano) String() string {
	var buf [25]byte
	if n < 0 {
		// The sign goes before the currency: write "$" over the "-" of the digits.
		b := n.AppendDollars(append(buf[:0], '-'))
		b[1] = '$'
		return string(b)
	}
	return string(n.AppendDollars(append(buf[:0], '$')))
}

// MarshalJSON writes the amount as a JSON number of dollars with exact digits.
func (n Nano) MarshalJSON() ([]byte, error) {
	return n.AppendDollars(make([]byte, 0, 24)), nil
}

// UnmarshalJSON reads a JSON number of dollars, or a string that holds one. null leaves the
// amount as it is, as encoding/json has it for other types. The errors are those of
// ParseDollars.
func (n *Nano) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := ParseDollars(text)
	if err != nil {
		return err
	}
	*n = v
	return nil
}

// MarshalText writes what Dollars returns.
func (n Nano) MarshalText() ([]byte, error) {
	return n.AppendDollars(make([]byte, 0, 24)), nil
}

// UnmarshalText reads what ParseDollars accepts; YAML and environment decoders use it.
func (n *Nano) UnmarshalText(text []byte) error {
	v, err := ParseDollars(string(text))
	if err != nil {
		return err
	}
	*n = v
	return nil
}

// ParseDollars reads a decimal amount of dollars: an optional sign, digits with an optional
// point, and an optional exponent ("0.01", "12", ".5", "1e-05"). It is exact: digits that a
// Nano can't hold are ErrPrecision (zeros are fine), amounts outside Min..Max are ErrRange,
// anything else is ErrSyntax.
func ParseDollars(text string) (Nano, error) {
	v, exact, err := ParseFixed(text, 9)
	if err != nil {
		return 0, err
	}
	if !exact {
		return 0, fmt.Errorf("%w: %q", ErrPrecision, text)
	}
	return Nano(v), nil
}
