package reading

import (
	"strconv"
	"strings"
)

// number reads a word that begins with a digit.
func (s *splitter) number() {
	from := s.at
	dots, joined := 0, false
scan:
	for s.at < len(s.lower) {
		c := s.lower[s.at]
		switch {
		case c >= '0' && c <= '9':
		case c == ',' && s.thousands():
		case c == '.' && s.digit(s.at+1):
			dots++
		case (c == ':' || c == '/' || c == '-') && s.at > from && s.digit(s.at+1) && s.pair(c):
			joined = true
		default:
			break scan
		}
		s.at++
	}
	digits := s.lower[from:s.at]
	tail := s.at
	for s.letter(s.at) || s.digit(s.at) || s.at < len(s.lower) && s.lower[s.at] == '.' && s.letter(s.at+1) && s.at > tail && !s.stop() {
		s.at++
	}
	suffix := s.lower[tail:s.at]
	suffix = strings.TrimPrefix(suffix, "°") // no letter itself, but what follows it may be
	switch {
	case joined && strings.Count(digits, "-")+strings.Count(digits, "/") == 2:
		s.add(from, s.at, Date, "")
		return
	case dots > 1:
		s.add(from, s.at, Symbol, "")
		return
	case suffix == "":
		s.value(from, tail, digits, "")
		if s.at < len(s.lower) && s.lower[s.at] == '%' {
			s.at++
			s.r.Words[len(s.r.Words)-1].Unit = "%"
		}
		return
	case suffix == "st" || suffix == "nd" || suffix == "rd" || suffix == "th":
		w := s.value(from, tail, digits, "")
		w.Unit = ordinal
		return
	case suffix == "k":
		s.value(from, tail, scaled(plainDigits(digits), 3), "")
		return
	}
	if u, ok := units[suffix]; ok {
		if s.same && !s.shouting {
			u = cased(u, s.r.Text[s.at-len(suffix):s.at])
		}
		s.value(from, tail, digits, u)
		return
	}
	s.add(from, s.at, Symbol, "") // 4g, 1080p, 3d
}

// ordinal stands as the unit of first, 2nd, and the like.
const ordinal = "th"

// pair reports whether the sign at s.at joins digits to one thing: a time, a date, a range.
// A range of years or amounts is two numbers.
func (s *splitter) pair(c byte) bool {
	if c == ':' {
		return true
	}
	rest := s.lower[s.at+1:]
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	before := s.at
	for before > 0 && s.lower[before-1] >= '0' && s.lower[before-1] <= '9' {
		before--
	}
	if before > 0 && s.lower[before-1] == c { // the second sign of a date
		return true
	}
	return n < len(rest)-1 && rest[n] == c && rest[n+1] >= '0' && rest[n+1] <= '9'
}

// thousands reports whether the comma at s.at stands within a number: 1,000 or 1,00,000.
func (s *splitter) thousands() bool {
	n := 0
	for s.digit(s.at + 1 + n) {
		n++
	}
	return n == 3 || n == 2 && s.at+3 < len(s.lower) && s.lower[s.at+3] == ','
}

func plainDigits(digits string) string {
	if strings.IndexByte(digits, ',') >= 0 {
		digits = strings.ReplaceAll(digits, ",", "")
	}
	if whole, frac, ok := strings.Cut(digits, "."); ok {
		if frac = strings.TrimRight(frac, "0"); frac == "" {
			digits = whole
		} else {
			digits = whole + "." + frac
		}
	}
	for len(digits) > 1 && digits[0] == '0' && digits[1] != '.' && digits[1] != ':' {
		digits = digits[1:]
	}
	if digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	return digits
}

// scaled multiplies digits by a power of ten.
func scaled(digits string, power int) string {
	whole, frac, _ := strings.Cut(digits, ".")
	n := min(power, len(frac))
	whole += frac[:n] + strings.Repeat("0", power-n)
	frac = frac[n:]
	if frac != "" {
		whole += "." + frac
	}
	return plainDigits(whole)
}

func (s *splitter) value(from, to int, digits, unit string) *Word {
	currency := ""
	if n := len(s.r.Words); n > 0 && s.r.Words[n-1].Kind == Symbol && to > from {
		if u, ok := signsOfMoney[s.r.Words[n-1].Text]; ok && strings.HasSuffix(s.lower[:from], s.r.Words[n-1].Text) {
			currency = u
			s.first = s.r.Words[n-1].First
			s.r.Words = s.r.Words[:n-1]
		}
	}
	w := s.add(from, to, Number, "")
	w.Lemma, w.Unit = plainDigits(digits), unit
	if unit == "" {
		w.Unit = currency
	}
	return w
}

var signsOfMoney = map[string]string{"$": "usd", "€": "eur", "£": "gbp", "₹": "inr", "¥": "jpy"}

// units by their spellings. Those with one letter count only directly behind a number.
var units = func() map[string]string {
	m := map[string]string{}
	for unit, spellings := range map[string]string{
		"mm": "mm millimeter millimetre", "cm": "cm cms centimeter centimetre", "m": "m meter metre mtr",
		"km": "km kms kilometer kilometre", "in": "inch inches", "ft": "ft foot feet", "yd": "yd yard", "mi": "mi mile",
		"mg": "mg milligram", "g": "g gm gms gram gramme", "kg": "kg kgs kilo kilogram", "lb": "lb lbs pound", "oz": "oz ounce",
		"t": "ton tonne", "ml": "ml milliliter millilitre", "l": "l liter litre", "gal": "gallon",
		"ms": "ms millisecond", "s": "s sec secs second", "min": "min mins minute", "h": "h hr hrs hour", "day": "day",
		"week": "week wk", "month": "month", "year": "year yr yrs", "decade": "decade", "century": "century centuries",
		"kb": "kb kilobyte", "mb": "mb megabyte", "gb": "gb gigabyte", "tb": "tb terabyte",
		"hz": "hz hertz", "khz": "khz", "mhz": "mhz", "ghz": "ghz", "v": "v volt", "w": "w watt", "kw": "kw kilowatt",
		"kwh": "kwh", "mah": "mah", "a": "amp ampere", "%": "percent pct percentage", "usd": "usd dollar buck", "eur": "eur euro",
		"gbp": "gbp", "inr": "inr rs rupee", "jpy": "jpy yen", "cad": "cad", "aud": "aud", "px": "px pixel", "am": "am", "pm": "pm",
		"kbps": "kbps", "mbps": "mbps", "gbps": "gbps", "tbps": "tbps", "mpa": "mpa", "mw": "mw", "mwh": "mwh", "mj": "mj", "mv": "mv",
		"mev": "mev", "mph": "mph", "kmh": "kmh kmph kph", "c": "c celsius", "f": "f fahrenheit", "k": "kelvin", "cal": "calorie calories kcal",
		"cc": "cc", "deg": "degree",
	} {
		for s := range strings.FieldsSeq(spellings) {
			m[s] = unit
			if len(s) > 1 && !strings.HasSuffix(s, "s") {
				m[s+"s"] = unit
			}
		}
	}
	return m
}()

// cased is the unit as its capitals have it, where these decide: a megabit is Mb, a megabyte MB,
// and mb may be either; a millimeter is mm, a megameter Mm.
func cased(unit, typed string) string {
	if typed == "" {
		return unit
	}
	lower := strings.ToLower(typed)
	n := len(typed)
	switch {
	case n > 2 && prefixed[lower], n == 2 && typed[0] == 'm' && typed != lower,
		lower == "mw", lower == "mj", lower == "mv":
		// MBps, Mbps and mbps; mW and MW
		if lower[0] == 'k' {
			return "k" + typed[1:]
		}
		return typed
	case n == 2 && lower[1] == 'b' && lower == unit:
		if lower[0] == 'k' {
			return "k" + typed[1:]
		}
		return typed
	case n == 1 && typed != lower && strings.Contains("mgst", lower):
		return typed
	case n > 1 && n < 4 && lower[0] == 'm' && lower == unit:
		first, second := typed[0] == 'M', typed[1] < 'a'
		if first && !second && lower[1] != 'h' && lower != "mi" && lower != "min" || !first && second {
			return typed[:2] + lower[2:]
		}
	}
	return unit
}

// amounts are the words of numbers. "One" is a pronoun as often, and isn't among them.
var amounts = map[string]int{
	"zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
	"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
	"sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}

var powers = map[string]int{"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "thousands": 3, "millions": 6, "billions": 9,
	"lakh": 5, "lac": 5, "lakhs": 5, "crore": 7, "crores": 7,
}

var ordinals = map[string]string{
	"first": "1", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7",
	"eighth": "8", "ninth": "9", "tenth": "10", "twelfth": "12", "twentieth": "20",
}

// romans are numerals behind a name, as in World War II. Single letters are too often something
// else.
var romans = map[string]string{"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11", "xii": "12"}

// months by their names; March and May are dates only where their capitals say so.
var months = Set("january february march april may june july august september october november december")

// Month reports whether a word in small letters is the name of a month, or may be: may, march.
func Month(w string) bool { return months[w] }

// dates are the names of months and weekdays, and what is short for them, by their full names.
var dates = func() map[string]string {
	m := map[string]string{
		"jan": "january", "feb": "february", "apr": "april", "aug": "august", "sept": "september", "oct": "october", "nov": "november",
		"dec": "december",
	}
	for name := range months {
		if name != "may" && name != "march" {
			m[name] = name
		}
	}
	for _, day := range [...]string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		m[day], m[day+"s"] = day, day
	}
	return m
}()

// numbers turns words into numbers and dates, and takes units to the numbers before them.
func (s *splitter) numbers() {
	out := s.r.Words[:0]
	for i, w := range s.r.Words {
		var last *Word
		if len(out) > 0 {
			last = &out[len(out)-1]
		}
		after := last != nil && last.Kind == Number && last.Sentence == w.Sentence && !w.Break
		if w.Kind == Plain && !w.Quoted {
			if w.Text == "one" && after && w.Hyphen && last.Text != last.Lemma && len(last.Lemma) == 2 {
				last.Lemma = last.Lemma[:1] + "1"
				continue
			}
			if w.Text == "one" && i+1 < len(s.r.Words) && units[s.r.Words[i+1].Text] != "" {
				w.Kind, w.Lemma = Number, "1"
			} else if v, ok := amounts[w.Text]; ok {
				// Twenty-one; but "two three" are two numbers.
				if after && v < 10 && last.Text != last.Lemma && strings.HasSuffix(last.Lemma, "0") && len(last.Lemma) == 2 && last.Lemma != "10" {
					last.Lemma = last.Lemma[:1] + strconv.Itoa(v)
					continue
				}
				w.Kind, w.Lemma = Number, strconv.Itoa(v)
			} else if v, ok := romans[w.Text]; ok && w.Capital && last != nil && last.Capital {
				w.Kind, w.Lemma = Number, v
			} else if p, ok := powers[w.Text]; ok {
				if after && last.Unit != ordinal {
					last.Lemma = scaled(last.Lemma, p)
					continue
				}
				w.Kind, w.Lemma = Number, scaled("1", p)
			} else if v, ok := ordinals[w.Text]; ok {
				w.Kind, w.Lemma, w.Unit = Number, v, ordinal
			} else if v, ok := dates[w.Text]; ok {
				w.Kind, w.Lemma = Date, v
			} else if (w.Text == "may" || w.Text == "march") && w.Capital && !w.First {
				w.Kind = Date
			} else if u, ok := units[w.Text]; ok && after && last.Unit == "" && (len(w.Text) > 1 || strings.IndexByte("mgls", w.Text[0]) >= 0) {
				last.Unit = cased(u, w.typed)
				continue
			} else if u, ok := signsOfMoney[w.Text]; ok && after && last.Unit == "" {
				last.Unit = u
				continue
			}
		} else if w.Kind == Number && last != nil && last.Kind == Plain && (last.Text == "rs" || last.Text == "inr" || last.Text == "usd" || last.Text == "eur" || last.Text == "gbp") && w.Unit == "" {
			w.Unit, w.First = units[last.Text], last.First
			if w.Unit == "" {
				w.Unit = last.Text
			}
			out = out[:len(out)-1]
		} else if w.Kind == Symbol && after && last.Unit == "" && signsOfMoney[w.Text] != "" {
			last.Unit = signsOfMoney[w.Text]
			continue
		}
		out = append(out, w)
	}
	s.r.Words = out
	for i := range out {
		if w := &out[i]; w.Kind == Number && w.Unit == "" && version(w.Text) && w.Lemma == plainDigits(w.Text) {
			w.Lemma = w.Text
		}
	}
}

// version reports whether digits may be those of a version of which a zero at the end counts: 3.10 is
// not 3.1, but 2.0 is 2.
func version(digits string) bool {
	_, frac, ok := strings.Cut(digits, ".")
	return ok && strings.HasSuffix(frac, "0") && strings.Trim(frac, "0") != "" && !strings.Contains(digits, ",")
}
