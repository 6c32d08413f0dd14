package pid1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
)

// One bundle after the other is refused, until one is taken.
func TestServeUpdates(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	done := make(chan bool, 1)
	go func() {
		done <- serveUpdates(t.Context(), l, func(r io.Reader) (*update.Manifest, error) {
			head := make([]byte, 4)
			if _, err := io.ReadFull(r, head); err != nil {
				return nil, err
			}
			switch string(head) {
			case "bug!":
				panic("a bug")
			case "good":
				return &update.Manifest{Version: update.Version{Major: 2}}, nil
			}
			return nil, errors.New("it is bad")
		}, newConsole(&b))
	}()
	// One that says nothing keeps nobody out.
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	send := func(text string) string {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	// What follows a refusal is read, so that the answer arrives.
	if got := send("bad " + strings.Repeat("x", 1<<20)); got != "refused: it is bad\n" {
		t.Errorf("bad: %q", got)
	}
	if got := send("bug!"); got != "" {
		t.Errorf("a panic: %q", got)
	}
	if got := send("good"); !strings.HasPrefix(got, "ok: v2.0.0") {
		t.Errorf("good: %q", got)
	}
	if installed := <-done; !installed || !strings.Contains(b.String(), "refused: it is bad") || !strings.Contains(b.String(), "update: a bug") {
		t.Errorf("installed %v, console %s", installed, b.String())
	}
}

// A peer must send something every 20 s, and 16 KiB a second on average.
func TestImpatient(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		every time.Duration
		lasts time.Duration // 0: for ever
	}{
		"silent":  {0, time.Hour, updateSilent},
		"trickle": {1, time.Second, updateSilent},
		"slow":    {8 << 10, time.Second, 2 * updateSilent},
		"good":    {32 << 10, time.Second, 0},
		"pauses":  {1 << 20, updateSilent + time.Second, updateSilent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(c.every):
							there.Write(make([]byte, c.size))
						}
					}
				}()
				begin := time.Now()
				n, err := io.CopyN(io.Discard, &impatient{conn: here, begin: begin}, 10<<20)
				here.Close()
				took := time.Since(begin)
				if c.lasts == 0 && err != nil || c.lasts > 0 && (err == nil || took < c.lasts-2*time.Second || took > c.lasts+2*time.Second) {
					t.Errorf("%d bytes in %v: %v", n, took, err)
				}
			})
		})
	}
}

// disk has no files but those that are written.
type disk map[string][]byte

func (d disk) Read(part, name string) ([]byte, error) {
	b, ok := d[part+"/"+name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (d disk) Write(part, name string, content []byte) error {
	d[part+"/"+name] = content
	return nil
}

func (d disk) Replace(slot.Name, []fat.File) error {
	return errors.New("no slot of this disk is replaced")
}

// newCard runs slot A for the first time since it was written; slot B has worked
// before, or not.
func newCard(t *testing.T, worked bool) *slot.Card {
	d := disk{}
	for _, part := range []string{"A", "B"} {
		m := &update.Manifest{Format: update.Format, Board: "h3", Built: 1, Files: []update.File{update.FileOf("lode.itb", []byte(part))}}
		text, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		d[part+"/manifest.json"] = text
	}
	if worked {
		if err := (&slot.Card{Disk: d, Running: slot.B}).MarkGood(); err != nil {
			t.Fatal(err)
		}
	}
	d["boot/slots.env"] = slot.State{First: slot.A, Left: map[slot.Name]int{slot.A: 2, slot.B: 3}}.Encode()
	return &slot.Card{Disk: d, Running: slot.A}
}

func TestTrial(t *testing.T) {
	for name, c := range map[string]struct {
		works  time.Duration // after which the first share is accepted; 0: never
		alone  bool          // the other slot has not worked either
		proved bool
		again  bool
		left   int
	}{
		"works":          {works: time.Minute, left: slot.Tries},
		"a new card":     {alone: true, left: 2},
		"works too late": {works: trialFor + time.Minute, again: true, left: 2},
		"never works":    {again: true, left: 2},
		"worked before":  {proved: true, left: slot.Tries},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := newCard(t, !c.alone)
				if c.proved {
					if err := card.MarkGood(); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				good := make(chan struct{})
				if c.works > 0 {
					time.AfterFunc(c.works, func() { close(good) })
				}
				again := false
				(&trial{card: card, lasts: trialFor}).run(ctx, good, newConsole(io.Discard), func() { again = true })
				if s := card.State(); again != c.again || s.Left[slot.A] != c.left || s.First != slot.A {
					t.Errorf("again %v, %+v", again, s)
				}
			})
		})
	}
}
