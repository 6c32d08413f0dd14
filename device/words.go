package device

import (
	"fmt"
	"strings"
)

// String says in a line how the board is.
func (b *BoardStatus) String() string { return b.Power.String() + ": " + strings.Join(b.Words(), ", ") }

// Words says part by part how the board is, for people. What is not measured is left
// out: not every board measures everything, and nothing is measured at first.
func (b *BoardStatus) Words() (words []string) {
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	for i := range b.Chains {
		add(b.Chains[i].words())
	}
	for i := range b.Temperatures {
		add(b.Temperatures[i].words())
	}
	for i := range b.Fans {
		add(b.Fans[i].words())
	}
	for i := range b.Rails {
		add(b.Rails[i].words())
	}
	if b.Reason != nil {
		add(b.Reason.String())
	}
	add(b.Blocked)
	return words
}

func (l *LinkStatus) words() string {
	text := fmt.Sprintf("%d %s", l.Alive(), l.Model)
	if l.MHz > 0 {
		text += fmt.Sprintf(" %.0f MHz", l.MHz)
	}
	if l.Reason != nil && !l.Power.on() {
		text += " (" + l.Reason.String() + ")"
	}
	return text
}

func (t *TemperatureStatus) words() string {
	switch {
	case t.Error != "":
		return t.Name + " not read"
	case t.AgeSeconds < 0:
		return ""
	}
	return fmt.Sprintf("%s %.1f °C", t.Name, t.Celsius)
}

func (f *FanStatus) words() string {
	if f.Error != "" {
		return f.Name + " not read"
	}
	return fmt.Sprintf("%s %.0f rpm", f.Name, f.RPM)
}

func (r *RailStatus) words() string {
	switch {
	case r.Error != "":
		return r.Name + " not read"
	case r.Output == 0 && r.Amps == 0:
		return ""
	case r.Amps == 0:
		return fmt.Sprintf("%.2f V", r.Output)
	}
	return fmt.Sprintf("%.2f V %.1f W", r.Output, r.Watts)
}
