package described

import (
	"os"
	"strings"
	"testing"
)

// The page about board files shows the example that the virtual board is made of,
// and has every key.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/board-file.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml\n")
	shown, _, _ := strings.Cut(rest, "```")
	if shown != string(Example()) {
		t.Error("the page's example is not example.toml")
	}
	f, err := Parse([]byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Chains) != 1 || len(f.Rails) != 2 || len(f.Fans) != 1 || len(f.Thermometers) != 2 || f.Rails[0].Start != 15 {
		t.Errorf("read as %+v", f)
	}
	source, err := os.ReadFile("file.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, part := range strings.Split(string(source), "`toml:\"")[1:] {
		key, _, _ := strings.Cut(part, "\"")
		if keys++; !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), "`[["+key+"]]`") {
			t.Errorf("the page lacks %s", key)
		}
	}
	if keys < 50 {
		t.Errorf("%d keys in file.go", keys)
	}
}

// What is wrong is named.
func TestRefused(t *testing.T) {
	good := string(Example())
	for _, c := range []struct{ old, new, says string }{
		{`name = "one-hash-board"`, ``, "name: missing"},
		{`poll = "300ms"`, `poll = "soon"`, `line 3, key "poll"`},
		{`poll = "300ms"`, `poll = "-1s"`, "between 0 and an hour"},
		{`poll = "300ms"`, `pole = "300ms"`, `no key "pole"`},
		{`chips = 126`, `chips = "many"`, "line 10 (last key"},
		{`chips = 126`, `chips = 300`, "300, want 1 to 256"},
		{`domains = 42`, `domains = 40`, "evenly"},
		{`model = "BM1362"`, `model = "BM1"`, "[[chain]] 1 hash board 1: model"},
		{`clock = 525`, `clock = 99999`, "clock: 99999 MHz"},
		{`clock = 525`, ``, "clock"},
		{`reset = 454`, ``, "reset: missing"},
		{`reset = 454`, `reset = 454` + "\nreset-active = \"up\"", "want low or high"},
		{`uart = "/dev/ttyS1"`, ``, "uart: missing"},
		{`kind = "apw"`, `kind = "psu"`, "[[rail]] 1 supply: kind"},
		{`address = 0x10`, ``, "address"},
		{`address = 0x10`, `address = 0x90`, "not an I²C address"},
		{`enable = 437`, ``, "needs the pin"},
		{`enable-active = "low" #`, `#`, "needs the pin"},
		{`min-volts = 12.6`, ``, "min-volts, max-volts: missing"},
		{`max-volts = 15.0`, `max-volts = 50.0`, "max-volts"},
		{`volts = 13.5`, `volts = 11.5`, "11.5 V is not within 12.6 to 15 V"},
		{`volts = 13.5`, ``, "volts: missing"},
		{`start-volts = 15.0`, `start-volts = 16.0`, "start-volts"},
		{`step-volts = 0.5`, ``, "step-volts: 0"},
		{`step-volts = 0.5`, `step-volts = inf`, "step-volts: +Inf"},
		{`tolerance = 6`, `max-amps = nan`, "max-amps"},
		{`tolerance = 6`, `max-amps = inf`, "max-amps: +Inf"},
		{`tolerance = 6`, `max-input = inf`, "min-input, max-input: 0 to +Inf V"},
		{`kind = "dspic"`, `kind = "dspic"` + "\nvolts = nan", "cannot be set"},
		{`tolerance = 6`, `tolerance = 99`, "tolerance"},
		{`kind = "dspic"`, `kind = "dspic"` + "\nenable = 3\nenable-active = \"low\"", "turned on by I²C"},
		{`kind = "dspic"`, `kind = "tps546"`, "max-amps: missing"},
		{`kind = "pwm"`, `kind = "belt"`, "[[fan]] 1 front fan: kind"},
		{`kind = "pwm"`, `kind = "emc2101"`, "counts by itself"},
		{`tach = 447`, ``, "tach: missing"},
		{`min-duty = 30`, `min-duty = 3`, "min-duty: 3 percent"},
		{`min-rpm = 500`, ``, "min-rpm"},
		{`max = 78`, ``, "[[thermometer]] 1 inlet: target, throttle, max: missing"},
		{`max = 78`, `max = 60`, "in this order"},
		{`max = 78`, `max = 200`, "at most 125"},
		{`kind = "tmp75"`, `kind = "tmp451"`, "internal or external"},
		{`kind = "tmp75"`, `kind = "tmp75"` + "\nsensor = \"internal\"", "has one only"},
		{`kind = "tmp75"`, `kind = "thumb"`, "want one of tmp75"},
		{`poll = "300ms"`, `unguarded = "a test"`, "would not be watched"},
		{`poll = "300ms"`, `poll = `, "line 3"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("the example has no %s", c.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.new, err, c.says)
		}
	}
	chains, _, _ := strings.Cut(good, "[[rail]]")
	_, err := Parse([]byte(chains))
	for _, says := range []string{"rail: there is none", "thermometer: there is none"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("a chain alone: %v, want %q", err, says)
		}
	}
	f, err := Parse([]byte("unguarded = \"virtual\"\n" + chains))
	if err != nil || f.Unguarded != "virtual" {
		t.Errorf("a chain that nobody guards: %v", err)
	}
}

// Text that would make the decoder use much memory is refused before.
func TestDeep(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{strings.Repeat("a={", 5000), "5000 braces"},
		{"\n" + strings.Repeat("a.", 5000) + "a=1", "line 2: more than 100 dots"},
		{strings.Repeat("#\n", mostBytes), "131072 bytes"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.20q: %v, want %q", c.text, err, c.says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.Repeat("a={", 33)))
	f.Add([]byte(strings.Repeat("a.", 101) + "a=1"))
	f.Add(Example())
	f.Add([]byte("name = 'a'\nunguarded = 'b'\n[[chain]]\nuart='/dev/ttyAMA1'\nmodel='BM1370'\nchips=1\nclock=525"))
	f.Add([]byte("[[rail]]\nkind = 'apw'"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		for i := range file.Rails {
			if r := &file.Rails[i]; r.Volts > mostVolts || r.Kind == "apw" && (r.Max == 0 || r.Enable == nil) {
				t.Errorf("taken: %+v", r)
			}
		}
		for i := range file.Thermometers {
			if h := &file.Thermometers[i]; !(h.Target < h.Throttle && h.Throttle < h.Max) {
				t.Errorf("taken: %+v", h)
			}
		}
		if file.Unguarded == "" && len(file.Thermometers)*len(file.Rails) == 0 {
			t.Errorf("nothing to guard it with: %+v", file)
		}
	})
}
