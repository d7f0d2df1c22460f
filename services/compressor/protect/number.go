package protect

import (
	"strings"

	"tollgate.dev/services/compressor/wordset"
)

// numeral goes on from a word that begins with a digit and lies in text[i:j].
func (s *scanner) numeral(i, j int, seen trait) int {
	switch {
	case seen&at != 0:
		return s.add(i, j, Address)
	case seen&(lower|upper|under|other) == 0:
		return s.number(i, i)
	case stamp(s.text[i:j]):
		return s.add(i, j, Number)
	}
	k := i
	for s.is(k, digit) || s.is(k, dot|comma) && s.is(k+1, digit) {
		k++
	}
	if unit := s.text[k:j]; units[unit] || unit == "th" || unit == "st" || unit == "nd" || unit == "rd" || unit == "s" {
		return s.add(i, s.month(j), Number)
	}
	return s.add(i, j, ID)
}

// stamp tells whether a word is a date with its time, as in 2026-11-28T10:00:00Z.
func stamp(word string) bool {
	for k := range len(word) {
		if traits[word[k]]&(digit|dash|colon|dot) == 0 && word[k] != 'T' && word[k] != 'Z' {
			return false
		}
	}
	return strings.IndexByte(word, '-') == 4
}

// number adds the number that begins at i, with its sign or currency up to j, where the
// digits begin, and with what belongs to it after the digits.
func (s *scanner) number(i, j int) int {
	end := s.digits(j)
	for {
		// A range: 10–20.
		if k := s.after(end, "–"); k > 0 && s.is(k, digit) {
			end = s.digits(k)
			continue
		}
		// A date of Chinese or Japanese, or a number with its counter: 2020年1月2日, 300円.
		if k := s.counter(end); k > 0 {
			if end = k; s.is(k, digit) {
				end = s.digits(k)
				continue
			}
		}
		break
	}
	if k := s.month(end); k > end {
		return s.add(i, k, Number)
	}
	return s.add(i, s.unit(end), Number)
}

// digits returns the end of the digits from i on, with all that separates them, and with
// groups of three behind a space.
func (s *scanner) digits(i int) int {
	j := i
	for j < len(s.text) {
		t := traits[s.text[j]]
		if t&digit == 0 && (t&(dot|comma|dash|colon|slash) == 0 || !s.is(j+1, digit)) {
			break
		}
		j++
	}
	if j == i || j-i > 3 {
		return j
	}
	for {
		k := s.blank(j)
		if k == j || !s.is(k, digit) || !s.is(k+1, digit) || !s.is(k+2, digit) || s.is(k+3, core) {
			return j
		}
		if j = k + 3; s.is(j, dot|comma) && s.is(j+1, digit) {
			for j++; s.is(j, digit); j++ {
			}
			return j
		}
	}
}

// blank returns the end of one space at i, of those that stand between a number and its
// unit: the common one, the no-break ones and the thin one; i when there is none.
func (s *scanner) blank(i int) int {
	switch b := s.byteAt(i); b {
	case ' ':
		return i + 1
	case 0xC2, 0xE2:
		for _, space := range [...]string{"\u00A0", "\u202F", "\u2009"} {
			if k := s.after(i, space); k > 0 {
				return k
			}
		}
	}
	return i
}

// after returns the end of word at i, and 0 when something else stands there.
func (s *scanner) after(i int, word string) int {
	if i <= len(s.text) && strings.HasPrefix(s.text[i:], word) {
		return i + len(word)
	}
	return 0
}

// unit returns the end of the unit or currency that follows a number at i; i when none does.
func (s *scanner) unit(i int) int {
	k := s.blank(i)
	switch b := s.byteAt(k); {
	case b == '%', b == '$' && !s.is(k+1, core):
		return k + 1
	case b >= 0x80:
		for _, sign := range [...]string{"€", "£", "¥", "₹", "₽", "‰", "°C", "°F", "°", "µm", "µs", "µg", "μm", "μs", "μg", "％"} {
			if end := s.after(k, sign); end > 0 {
				return end
			}
		}
		return i
	}
	end := k
	for end < len(s.text) && end-k < 12 && (s.is(end, lower|upper) || s.byteAt(end) == '/' && end > k && s.is(end+1, lower)) {
		end++
	}
	if end > k && !s.is(end, core) && units[s.text[k:end]] {
		return end
	}
	return i
}

// units are those that are written behind a number. Words of prose that are longer say what
// they mean without their number next to them, apart from the large numbers.
var units = wordset.Fields(`m cm mm km nm mi ft yd in kg g mg t lb lbs oz l ml L dl hl s ms ns us min h hr hrs d Hz kHz MHz GHz THz
	B kB KB MB GB TB PB KiB MiB GiB TiB bit kbit Mbit Gbit bps kbps Mbps Gbps W kW MW GW Wh kWh MWh GWh V kV mV A mA Ah mAh J kJ
	N Pa kPa hPa MPa bar K C F mol dB px pt em rem rpm ppm ha km/h mph m/s kn am pm AM PM
	USD EUR GBP JPY CHF CNY RUB INR percent pct hundred thousand million billion trillion Mio Mrd Millionen Milliarden
	k M bn tn x`)

// months are their names, in small letters, in languages that write them between day and
// year.
var months = wordset.Fields(`january february march april may june july august september october november december
	jan feb mar apr jun jul aug sep sept oct nov dec
	januar februar märz mai juni juli oktober dezember
	janvier février mars avril juin juillet août septembre octobre novembre décembre
	enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
	janeiro fevereiro março maio junho julho setembro outubro novembro dezembro
	gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
	января февраля марта апреля мая июня июля августа сентября октября ноября декабря
	stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia`)

// month returns the end of the month and year that follow a day at i, or of the year that
// follows a day behind its month; i when neither does.
func (s *scanner) month(i int) int {
	k := i
	if s.byteAt(k) == '.' {
		k++
	}
	if s.byteAt(k) == ',' { // March 12, 2020
		if y := s.year(k + 1); y > 0 {
			return y
		}
		return i
	}
	if s.byteAt(k) != ' ' {
		return i
	}
	k++
	if s.after(k, "de ") > 0 || s.after(k, "of ") > 0 {
		k += 3
	}
	end := k
	for end < len(s.text) && end-k < 24 && s.is(end, lower|upper|other) {
		end++
	}
	if end-k < 3 || end-k > 20 || !months[strings.ToLower(s.text[k:end])] {
		return i
	}
	k = end
	for _, between := range [...]string{",", ".", " de", " del"} {
		if j := s.after(k, between); j > 0 {
			if y := s.year(j); y > 0 {
				return y
			}
		}
	}
	if y := s.year(k); y > 0 {
		return y
	}
	return end
}

// year returns the end of a space and four digits at i, and 0 when they do not stand there.
func (s *scanner) year(i int) int {
	if s.byteAt(i) != ' ' {
		return 0
	}
	for k := 1; k <= 4; k++ {
		if !s.is(i+k, digit) {
			return 0
		}
	}
	if s.is(i+5, core) {
		return 0
	}
	return i + 5
}

// counter returns the end of a sign of Chinese or Japanese that counts what the number before
// it is of; 0 when there is none.
func (s *scanner) counter(i int) int {
	if b := s.byteAt(i); b < 0xE3 || i+3 > len(s.text) {
		return 0
	}
	if strings.Contains("年月日号號时時分秒元円圓万萬億亿千百人名个個岁歳度条條点點回次位件倍％", s.text[i:i+3]) {
		return i + 3
	}
	return 0
}
