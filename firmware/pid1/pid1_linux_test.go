package pid1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/lodefw/lode/firmware/recipe"
)

func TestBehind(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		now, told time.Time
		want      bool // the clock moves
	}{
		{time.Unix(0, 0), now, true},
		{time.Unix(0, 0), time.Time{}, false},
		{now, now.Add(-time.Hour), false},
		{now, now.Add(time.Hour), true},
		{now, now.Add(time.Second), false},
		{now, time.Time{}, false},
	} {
		if got := behind(c.now, c.told); got != c.want {
			t.Errorf("behind(%v, %v) = %v", c.now, c.told, got)
		}
	}
}

func TestPlausible(t *testing.T) {
	built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	saved := built.AddDate(1, 0, 0)
	for _, c := range []struct {
		t, saved time.Time
		want     bool
	}{
		{built.AddDate(0, 1, 0), time.Time{}, true},
		{built.AddDate(0, -1, 0), time.Time{}, false},
		{built.AddDate(0, 1, 0), saved, false}, // a pool has told a later one
		{saved.Add(-time.Minute), saved, true},
		{saved.AddDate(5, 0, 0), saved, true},
		{built.AddDate(20, 0, 0), saved, false},
		{time.Date(2038, 1, 19, 4, 0, 0, 0, time.UTC), saved, false},
	} {
		if got := plausible(c.t, built, c.saved); got != c.want {
			t.Errorf("%v after %v: %v", c.t, c.saved, got)
		}
	}
}

func TestClockFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "clock")
	if got := readClock(name); !got.IsZero() {
		t.Errorf("no file: %v", got)
	}
	for text, good := range map[string]bool{"2026-01-02T03:04:05Z\n": true, "yesterday": false, "": false} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readClock(name); got.IsZero() == good {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func testDevice() *recipe.Device {
	return &recipe.Device{Board: "vexpress", Built: 1, Mine: "bitaxe-gamma", Network: "eth0", Watchdog: "/dev/watchdog"}
}

func TestConfigure(t *testing.T) {
	s, err := configure([]byte(`
pool = ["stratum2+tcp://pool.example:34254/KEY"]
user = ["alice"]
board = "bitaxe-supra:/dev/ttyS1,/dev/ttyS2"
[network]
address = "192.168.1.5/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1"]
[update]
trial = "1h"
`), testDevice(), "/data")
	if err != nil {
		t.Fatal(err)
	}
	var miner map[string]any
	if _, err := toml.Decode(string(s.miner), &miner); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"pool": "[stratum2+tcp://pool.example:34254/KEY]", "user": "[alice]", "board": "bitaxe-supra:/dev/ttyS1,/dev/ttyS2",
		"status": statusPath, "watchdog": "/dev/watchdog", "clock-file": "/data/clock", "profile": "/data/profile.json", "device-id": "vexpress",
	}
	for key, value := range want {
		if fmt.Sprint(miner[key]) != value {
			t.Errorf("%s is %v, want %s", key, miner[key], value)
		}
	}
	if len(miner) != len(want) || s.status != statusPath || s.update.Trial != time.Hour {
		t.Errorf("%v, status %s, a trial of %v", miner, s.status, s.update.Trial)
	}
	a := s.network.static()
	if a.String() != "192.168.1.5/24 by way of 192.168.1.1" || string(resolvConf(a.dns)) != "nameserver 192.168.1.1\n" {
		t.Errorf("%v, %v", a, a.dns)
	}
}

func TestConfigureRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"pool = [":                                             "line 1",
		"[network]\naddress = \"here\"":                        "192.168.1.5/24",
		"[network]\nadress = \"1.2.3.4/8\"":                    "adress",
		"[network]\naddress = \"10.0.0.2/8\"\ngateway = \"x\"": "\"x\"",
		"network = 5":                                          "network",
		"[update]\ntrial = \"5s\"":                             "at least 30s",
		"[update]\ntrial = 15":                                 "\"15m\"",
		"[update]\ntrail = \"5m\"":                             "trail",
	} {
		if _, err := configure([]byte(text), testDevice(), "/data"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", text, err, says)
		}
	}
	s, err := configure(nil, testDevice(), "/run/lode")
	if err != nil || s.network.Interface != "eth0" || s.update.Trial != trialFor {
		t.Errorf("an empty file: %+v, %v", s, err)
	}
}

// fake is a child that ends by itself after each of its lives, and then runs on.
type fake struct {
	lives   []time.Duration
	deaf    bool // to being asked
	started []time.Duration
	begin   time.Time
	end     chan string
	said    []string
}

func (f *fake) start() (int, error) {
	f.started = append(f.started, time.Since(f.begin).Round(time.Second))
	f.end = make(chan string, 1)
	n := len(f.started)
	if n <= len(f.lives) && f.lives[n-1] == 0 {
		return 0, errors.New("no memory")
	}
	return n, nil
}

func (f *fake) wait(pid int) string {
	if pid <= len(f.lives) {
		time.Sleep(f.lives[pid-1])
		return "code 1"
	}
	return <-f.end
}

func (f *fake) stop(_ int, kill bool) {
	f.said = append(f.said, map[bool]string{true: "kill", false: "stop"}[kill])
	if kill || !f.deaf {
		f.end <- "signal"
	}
}

func TestSupervise(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{lives: []time.Duration{time.Second, 0, time.Second, 2 * time.Minute}, deaf: deaf, begin: time.Now()}
			ctx, stop := context.WithCancel(t.Context())
			var b bytes.Buffer
			complaints := 0
			done := make(chan struct{})
			go func() {
				defer close(done)
				supervise(ctx, f, newConsole(&b), func() { complaints++ })
			}()
			time.Sleep(10 * time.Minute)
			begin := time.Now()
			stop()
			<-done
			if got := fmt.Sprint(f.started); got != "[0s 2s 4s 9s 2m10s]" || complaints != 4 {
				t.Errorf("started at %s, %d complaints", got, complaints)
			}
			want, took := "[stop]", time.Duration(0)
			if deaf {
				want, took = "[stop kill]", stopWithin
			}
			if fmt.Sprint(f.said) != want || time.Since(begin) != took {
				t.Errorf("it was told %v in %v", f.said, time.Since(begin))
			}
			for _, text := range []string{"code 1", "no memory", "again in 4s"} {
				if !strings.Contains(b.String(), text) {
					t.Errorf("no %q on the console:\n%s", text, b.String())
				}
			}
		})
	}
}

// fedDog notes when it was fed.
type fedDog struct {
	fed      time.Time
	disarmed bool
}

func (d *fedDog) Feed() error            { d.fed = time.Now(); return nil }
func (d *fedDog) Timeout() time.Duration { return 16 * time.Second }
func (d *fedDog) Disarm() error          { d.disarmed = true; return nil }

func TestGuardStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, dog := time.Now(), &fedDog{}
		end := guardStart(dog)
		time.Sleep(30 * time.Second)
		if err := end(); err != nil || !dog.disarmed || dog.fed.Sub(begin) != 28*time.Second {
			t.Errorf("%v, disarmed %v, fed last after %v", err, dog.disarmed, dog.fed.Sub(begin))
		}
		// A start that hangs is not fed for ever.
		begin, dog = time.Now(), &fedDog{}
		end = guardStart(dog)
		time.Sleep(time.Hour)
		synctest.Wait()
		if took := dog.fed.Sub(begin); took > startWithin || took < startWithin-dog.Timeout() || dog.disarmed {
			t.Errorf("fed for %v", took)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func TestNarrator(t *testing.T) {
	var b bytes.Buffer
	n := &narrator{console: newConsole(&b)}
	begin := time.Now()
	firsts := 0
	hear := func(after time.Duration, text string) {
		var s status
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if n.hear(&s, begin.Add(after)) {
			firsts++
		}
	}
	hear(0, `{"pool":{"state":"connecting","pool":"a:1"},"board":{"name":"b","power":"starting"}}`)
	hear(1, `{"pool":{"state":"connecting","pool":"a:1"},"board":{"name":"b","power":"starting"}}`)
	mining := `{"pool":{"state":"mining","pool":"a:1","accepted":5},"board":{"name":"b","power":"mining","chains":[{"model":"BM1370","chips":[{},{}]}]}}`
	hear(2, mining)
	hear(time.Minute, mining)
	hear(11*time.Minute, mining)
	hear(12*time.Minute, `{"pool":{"state":"mining","pool":"a:1","accepted":6,"blocks":1},"board":{"name":"b","power":"fault","reason":{"text":"it burns","advice":"run"}}}`)
	var got []string
	for line := range strings.Lines(b.String()) {
		_, text, _ := strings.Cut(line, " s  ")
		got = append(got, strings.TrimSpace(text))
	}
	want := []string{"board: b is starting", "pool: connecting a:1", "board: b is mining, 2 x BM1370", "pool: mining a:1",
		"shares: the first is accepted", "shares: 5 accepted, 0 hashes/s", "board: b is fault: it burns; run", "blocks: 1 found"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || firsts != 1 {
		t.Errorf("%d firsts, lines:\n%s", firsts, strings.Join(got, "\n"))
	}
}

// A pool that is away for hours does not fill the console.
func TestNarratorPoolAway(t *testing.T) {
	var b bytes.Buffer
	n := &narrator{console: newConsole(&b)}
	var s status
	for i := range 7200 {
		s.Pool.State = []string{"connecting", "idle"}[i%2]
		n.hear(&s, time.Unix(int64(i)/2, 0))
	}
	s.Pool.State = "mining"
	n.hear(&s, time.Unix(3600, 0))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) > 65 || !strings.Contains(lines[len(lines)-1], "pool: mining") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestLoadAll(t *testing.T) {
	var tried []string
	load := func(path string) error {
		tried = append(tried, path)
		if strings.HasSuffix(path, "b.ko") {
			return errors.New("bad")
		}
		return nil
	}
	result, err := loadAll("/m", []string{"a.ko", "b.ko", "c.ko"}, load)
	if result != "2 loaded" || err == nil || !strings.Contains(err.Error(), "b.ko: bad") || fmt.Sprint(tried) != "[/m/a.ko /m/b.ko /m/c.ko]" {
		t.Errorf("%q, %v, %v", result, err, tried)
	}
}

func TestTail(t *testing.T) {
	l := &tail{max: 20}
	for i := range 10 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	if got := fmt.Sprint(l.lines(2)); got != "[line 8 line 9]" || len(l.text) > 20 {
		t.Errorf("%s of %q", got, l.text)
	}
}

// The miner is told of the network when that is up, or to go on without.
func TestCloseWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ up, want time.Duration }{{2 * time.Second, 2 * time.Second}, {time.Hour, networkWithin}} {
			begin := time.Now()
			ctx, stop := context.WithTimeout(t.Context(), c.up)
			r, w := io.Pipe()
			go closeWhen(ctx.Done(), networkWithin, w)
			if _, err := r.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) != c.want {
				t.Errorf("up after %v: told after %v, %v", c.up, time.Since(begin), err)
			}
			stop()
		}
	})
}
