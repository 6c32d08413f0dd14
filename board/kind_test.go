package board

import (
	"strings"
	"testing"
)

func TestCheckSettings(t *testing.T) {
	k := Kind{Name: "k", Settings: []Setting{{Name: "enable", Values: []string{"low", "high"}}, {Name: "pin"}}}
	for _, c := range []struct {
		given map[string]string
		says  string
	}{
		{nil, ""},
		{map[string]string{"enable": "low", "pin": "5"}, ""},
		{map[string]string{"enable": "up"}, "want one of low, high"},
		{map[string]string{"polarity": "low"}, "it has enable, pin"},
	} {
		err := k.CheckSettings(c.given)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.given, err, c.says)
		}
	}
}

func TestFinding(t *testing.T) {
	for want, f := range map[string]Finding{
		"an X at /dev/x":                    {Found: true, Saw: "an X", Where: "/dev/x"},
		"found nothing, want X; check that": {Saw: "nothing", Want: "X", Check: "check that"},
	} {
		if f.String() != want {
			t.Errorf("%q, want %q", f, want)
		}
	}
}
