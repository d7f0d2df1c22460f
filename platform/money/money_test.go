package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"tollgate.dev/platform/money"
)

func TestParseDollars(t *testing.T) {
	tests := []struct {
		text string
		want money.Nano
		err  error
	}{
		{"0", 0, nil},
		{"-0", 0, nil},
		{"0.01", money.Cent, nil},
		{"1", money.Dollar, nil},
		{"+1", money.Dollar, nil},
		{"12.50", 12_500_000_000, nil},
		{".5", 500_000_000, nil},
		{"5.", 5 * money.Dollar, nil},
		{"-3.000000001", -3_000_000_001, nil},
		{"0.000000001", 1, nil},
		{"0.0000000010000", 1, nil},
		{"1e-05", 10_000, nil}, // the form of LiteLLM's price map
		{"1.5E-7", 150, nil},
		{"2e3", 2000 * money.Dollar, nil},
		{"100e-2", money.Dollar, nil},
		{"0e999999999999", 0, nil},
		{"00012", 12 * money.Dollar, nil},
		{"9223372036.854775807", money.Max, nil},
		{"-9223372036.854775808", money.Min, nil},

		{"9223372036.854775808", 0, money.ErrRange},
		{"-9223372036.854775809", 0, money.ErrRange},
		{"1e10", 0, money.ErrRange},
		{"1e99999999999999999999", 0, money.ErrRange},
		{"99999999999999999999999999", 0, money.ErrRange},
		{"0.0000000001", 0, money.ErrPrecision},
		{"1e-99999999999999999999", 0, money.ErrPrecision},
		{"0.1234567891", 0, money.ErrPrecision},
		{"0.30000000000000004", 0, money.ErrPrecision},
		{"", 0, money.ErrSyntax},
		{"-", 0, money.ErrSyntax},
		{".", 0, money.ErrSyntax},
		{"1..2", 0, money.ErrSyntax},
		{"1e", 0, money.ErrSyntax},
		{"1e+", 0, money.ErrSyntax},
		{"1e5.5", 0, money.ErrSyntax},
		{"1 ", 0, money.ErrSyntax},
		{" 1", 0, money.ErrSyntax},
		{"$1", 0, money.ErrSyntax},
		{"1,000", 0, money.ErrSyntax},
		{"1_000", 0, money.ErrSyntax},
		{"0x10", 0, money.ErrSyntax},
		{"NaN", 0, money.ErrSyntax},
		{"Inf", 0, money.ErrSyntax},
		{"١", 0, money.ErrSyntax},
		{strings.Repeat("0", 2000), 0, money.ErrSyntax},
	}
	for _, tt := range tests {
		got, err := money.ParseDollars(tt.text)
		if !errors.Is(err, tt.err) || got != tt.want {
			t.Errorf("ParseDollars(%.40q) = %d, %v; want %d, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestParseFixed(t *testing.T) {
	tests := []struct {
		text   string
		places int
		want   int64
		exact  bool
	}{
		{"3.75e-08", 12, 37_500, true}, // $0.0375 a million tokens, in pico-dollars a token
		{"1.5000020000000002e-05", 12, 15_000_020, false},
		{"0.0375", 6, 37_500, true},
		{"12", 0, 12, true},
		{"12.5", 0, 13, false},
	}
	for _, tt := range tests {
		got, exact, err := money.ParseFixed(tt.text, tt.places)
		if err != nil || got != tt.want || exact != tt.exact {
			t.Errorf("ParseFixed(%q, %d) = %d, %v, %v; want %d, %v", tt.text, tt.places, got, exact, err, tt.want, tt.exact)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		n            money.Nano
		dollars, str string
	}{
		{0, "0", "$0"},
		{1, "0.000000001", "$0.000000001"},
		{-1, "-0.000000001", "-$0.000000001"},
		{12_500_000, "0.0125", "$0.0125"},
		{-3 * money.Dollar, "-3", "-$3"},
		{1_000_000_010, "1.00000001", "$1.00000001"},
		{money.Max, "9223372036.854775807", "$9223372036.854775807"},
		{money.Min, "-9223372036.854775808", "-$9223372036.854775808"},
	}
	for _, tt := range tests {
		if got := tt.n.Dollars(); got != tt.dollars {
			t.Errorf("%d.Dollars() = %q, want %q", tt.n, got, tt.dollars)
		}
		if got := tt.n.String(); got != tt.str {
			t.Errorf("%d.String() = %q, want %q", tt.n, got, tt.str)
		}
	}
}

func TestJSON(t *testing.T) {
	type account struct {
		Limit *money.Nano           `json:"limit"`
		Spent money.Nano            `json:"spent"`
		By    map[string]money.Nano `json:"by"`
	}
	var a account
	in := `{"limit": "2.5", "spent": 1e-05, "by": {"x": -0.1}}`
	if err := json.Unmarshal([]byte(in), &a); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"limit":2.5,"spent":0.00001,"by":{"x":-0.1}}`; string(out) != want {
		t.Errorf("round trip gave %s, want %s", out, want)
	}

	var kept = account{Spent: 7}
	if err := json.Unmarshal([]byte(`{"spent": null, "limit": null}`), &kept); err != nil || kept.Spent != 7 || kept.Limit != nil {
		t.Errorf("null gave %+v, %v; want the amount kept and the pointer nil", kept, err)
	}
	for _, bad := range []string{`{"spent": true}`, `{"spent": "1\u0030"}`, `{"spent": "\""}`, `{"spent": {}}`, `{"spent": ""}`} {
		if err := json.Unmarshal([]byte(bad), &account{}); err == nil {
			t.Errorf("%s was read without an error", bad)
		}
	}
}

func TestUnmarshalText(t *testing.T) {
	n := money.Nano(5)
	if err := n.UnmarshalText([]byte("0.25")); err != nil || n != 250_000_000 {
		t.Errorf("UnmarshalText gave %v, %v", n, err)
	}
	if err := n.UnmarshalText([]byte("x")); !errors.Is(err, money.ErrSyntax) || n != 250_000_000 {
		t.Errorf("a failed UnmarshalText gave %v, %v; want the amount kept", n, err)
	}
	if text, err := n.MarshalText(); err != nil || string(text) != "0.25" {
		t.Errorf("MarshalText gave %q, %v", text, err)
	}
}

// The checked operations agree with arbitrary precision at every combination of the values
// where 64-bit arithmetic breaks.
func TestArithmeticAgainstBig(t *testing.T) {
	edges := []int64{0, 1, -1, 2, -2, 3, 1 << 31, -(1 << 31), 1 << 32, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, math.MaxInt64 / 2, math.MinInt64 / 2}
	clamp := func(v *big.Int) money.Nano {
		switch {
		case v.IsInt64():
			return money.Nano(v.Int64())
		case v.Sign() > 0:
			return money.Max
		default:
			return money.Min
		}
	}
	check := func(name string, a, b int64, want *big.Int, got money.Nano, ok bool, sat money.Nano) {
		t.Helper()
		if ok != want.IsInt64() || (ok && int64(got) != want.Int64()) {
			t.Errorf("%s(%d, %d) = %d, %v; want %s", name, a, b, got, ok, want)
		}
		if sat != clamp(want) {
			t.Errorf("%sSat(%d, %d) = %d; want %d", name, a, b, sat, clamp(want))
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			na, nb := money.Nano(a), money.Nano(b)
			ba, bb := big.NewInt(a), big.NewInt(b)
			sum, ok := money.Add(na, nb)
			check("Add", a, b, new(big.Int).Add(ba, bb), sum, ok, money.AddSat(na, nb))
			diff, ok := money.Sub(na, nb)
			check("Sub", a, b, new(big.Int).Sub(ba, bb), diff, ok, money.SubSat(na, nb))
		}
	}
}

// Every amount survives its own text, in each of the forms that it is written in.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []int64{0, 1, -1, 10, 999_999_999, 1_000_000_000, math.MaxInt64, math.MinInt64} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v int64) {
		n := money.Nano(v)
		if got, err := money.ParseDollars(n.Dollars()); err != nil || got != n {
			t.Errorf("ParseDollars(%q) = %d, %v; want %d", n.Dollars(), got, err, n)
		}
		data, err := json.Marshal(n)
		if err != nil || !json.Valid(data) {
			t.Fatalf("Marshal(%d) = %s, %v", n, data, err)
		}
		var back money.Nano
		if err := json.Unmarshal(data, &back); err != nil || back != n {
			t.Errorf("Unmarshal(%s) = %d, %v; want %d", data, back, err, n)
		}
	})
}

// Whatever ParseFixed accepts, math/big accepts, and the values agree.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0.01", "1e-05", "-9223372036.854775808", "9223372036.8547758074", "1.", ".1e2", "0.0000000005", "18446744073709551616e-9", "+0e1"} {
		f.Add(seed)
	}
	half := big.NewRat(1, 2)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 60 || strings.ContainsAny(text, "eE") && len(text) > 12 {
			return // the reference below is slow for huge exponents
		}
		got, _, err := money.ParseFixed(text, 9)
		if errors.Is(err, money.ErrSyntax) {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 6 {
				return
			}
			t.Fatalf("%q was accepted (%d, %v), but is no number", text, got, err)
		}
		want.Mul(want, big.NewRat(1_000_000_000, 1))
		sign := want.Sign()
		want.Abs(want).Add(want, half)
		whole := new(big.Int).Quo(want.Num(), want.Denom())
		if sign < 0 {
			whole.Neg(whole)
		}
		if whole.IsInt64() != (err == nil) || (err == nil && whole.Int64() != got) {
			t.Errorf("ParseFixed(%q) = %d, %v; want %s", text, got, err, whole)
		}
	})
}

func TestTextDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 32)
	if n := testing.AllocsPerRun(100, func() { buf = money.Nano(-12_345_678_901).AppendDollars(buf[:0]) }); n != 0 {
		t.Errorf("AppendDollars allocated %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = money.ParseFixed("1.5e-05", 12) }); n != 0 {
		t.Errorf("ParseFixed allocated %v times", n)
	}
}
