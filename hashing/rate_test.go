package hashing

import (
	"strings"
	"testing"
)

func TestFormatRate(t *testing.T) {
	for h, want := range map[float64]string{0: "0 H/s", 12: "12 H/s", 999.4: "999 H/s", 999.6: "1 kH/s", 12_345_678: "12.3 MH/s", 1.5e14: "150 TH/s", 2e21: "2e+03 EH/s"} {
		if got := FormatRate(h); got != want {
			t.Errorf("FormatRate(%v) = %q, want %q", h, got, want)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]float64{"40MH": 40e6, "1.2 TH/s": 1.2e12, "300k": 300e3, "12": 12, "12.3 MH/s": 12.3e6, " 1 EH ": 1e18} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MH", "0", "-1MH", "NaN", "1e308EH", "40MW", "fast", "1 /s H"} {
		if got, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), "1.2TH/s") {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
}
