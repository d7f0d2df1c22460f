package money

import (
	"fmt"
	"math"
)

const (
	// maxTextLen bounds what ParseFixed looks at: longer than any float64 printed in full,
	// short enough that hostile input costs nothing.
	maxTextLen = 1100
	// maxExponent is where an exponent stops being looked at digit by digit; any larger one
	// gives zero or an overflow whatever the other digits are.
	maxExponent = 100_000
)

// ParseFixed reads a decimal number and returns it times 10^places as an integer, rounded
// to nearest with halves away from zero; exact tells whether nothing was rounded away. It
// is ParseDollars for other units: prices are kept in pico-dollars a token, for example.
//
// The grammar is that of ParseDollars; neither spaces, nor hexadecimal, nor digit
// separators, nor "Inf" and "NaN" are numbers. The errors are ErrSyntax and ErrRange (of
// int64). places must be within 0..18.
func ParseFixed(text string, places int) (v int64, exact bool, err error) {
	d, ok := scan(text)
	if !ok {
		return 0, false, fmt.Errorf("%w: %.40q", ErrSyntax, text)
	}
	m, exact, ok := d.scaled(places)
	if !ok {
		return 0, false, fmt.Errorf("%w: %.40q", ErrRange, text)
	}
	n, ok := fromMagnitude(m, d.negative)
	if !ok {
		return 0, false, fmt.Errorf("%w: %.40q", ErrRange, text)
	}
	return int64(n), exact, nil
}

// decimal is a scanned number: (-1)^negative × digits × 10^exponent, where digits is a piece
// of the text that may hold one decimal point, already accounted for in exponent.
type decimal struct {
	digits   string
	exponent int
	negative bool
}

// scan splits text into a decimal; ok is false when text is no number.
func scan(text string) (d decimal, ok bool) {
	if text == "" || len(text) > maxTextLen {
		return d, false
	}
	if text[0] == '+' || text[0] == '-' {
		d.negative = text[0] == '-'
		text = text[1:]
	}
	i, digits, point := 0, 0, -1
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
			continue
		case c == '.' && point < 0:
			point = i
			continue
		}
		break
	}
	if digits == 0 {
		return d, false
	}
	d.digits = text[:i]
	if point >= 0 {
		d.exponent = -(i - point - 1)
	}
	if i == len(text) {
		return d, true
	}
	e, ok := scanExponent(text[i:])
	d.exponent += e
	return d, ok
}

// scanExponent reads "e-05"; its value is clamped to ±maxExponent.
func scanExponent(text string) (int, bool) {
	if len(text) < 2 || (text[0] != 'e' && text[0] != 'E') {
		return 0, false
	}
	text = text[1:]
	sign := 1
	if text[0] == '+' || text[0] == '-' {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	if text == "" {
		return 0, false
	}
	e := 0
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		e = min(e*10+int(c-'0'), maxExponent)
	}
	return sign * e, true
}

// scaled returns digits × 10^(exponent+places), rounded half up. ok is false on overflow.
func (d decimal) scaled(places int) (m uint64, exact, ok bool) {
	// Trailing zeros would otherwise look like lost digits, or overflow before the shift.
	digits, shift := d.digits, d.exponent+places
	for len(digits) > 0 {
		last := digits[len(digits)-1]
		if last == '0' {
			shift++
		} else if last != '.' {
			break
		}
		digits = digits[:len(digits)-1]
	}
	count := 0 // digits that are there, without the point and leading zeros
	for i := range len(digits) {
		if c := digits[i]; c != '.' && (c != '0' || count > 0) {
			count++
		}
	}
	if count == 0 {
		return 0, true, true
	}
	keep := count + min(shift, 0) // how many of them are left of the unit
	if keep < 0 {
		return 0, false, true
	}
	seen, roundUp := 0, false
	for i := range len(digits) {
		c := digits[i]
		if c == '.' || (c == '0' && seen == 0) {
			continue
		}
		if seen == keep {
			roundUp = c >= '5'
			break
		}
		seen++
		if m, ok = timesTenPlus(m, uint64(c-'0')); !ok {
			return 0, false, false
		}
	}
	for range max(shift, 0) {
		if m, ok = timesTenPlus(m, 0); !ok {
			return 0, false, false
		}
	}
	if roundUp {
		m++ // can't wrap: timesTenPlus keeps m within a signed magnitude
	}
	return m, keep == count, true
}

// timesTenPlus returns m*10+digit. ok is false when the result leaves the range that a
// signed 64-bit magnitude can have, so that a later +1 can't wrap around.
func timesTenPlus(m, digit uint64) (uint64, bool) {
	const limit = uint64(math.MaxInt64) + 1
	if m > limit/10 {
		return 0, false
	}
	m = m*10 + digit
	return m, m <= limit
}
