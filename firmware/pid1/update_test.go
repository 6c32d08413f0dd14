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
	done := make(chan struct{})
	installed := false
	go func() {
		defer close(done)
		serveUpdates(t.Context(), l, func(r io.Reader) (*update.Manifest, error) {
			text, err := io.ReadAll(r)
			if err == nil && string(text) != "good" {
				err = errors.New("it is bad")
			}
			return &update.Manifest{Version: update.Version{Major: 2}}, err
		}, newConsole(&b), func() { installed = true })
	}()
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
	if got := send("bad"); got != "refused: it is bad\n" {
		t.Errorf("bad: %q", got)
	}
	if got := send("good"); !strings.HasPrefix(got, "ok: v2.0.0") {
		t.Errorf("good: %q", got)
	}
	<-done
	if !installed || !strings.Contains(b.String(), "refused: it is bad") {
		t.Errorf("installed %v, console %s", installed, b.String())
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

func (d disk) Remove(part, name string) error { return nil }

func newCard(t *testing.T) *slot.Card {
	m := &update.Manifest{Format: update.Format, Board: "h3", Built: 1, Files: []update.File{update.FileOf("lode.itb", []byte("x"))}}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &slot.Card{Disk: disk{"A/manifest.json": text, "boot/slots.env": slot.State{First: slot.A, Left: map[slot.Name]int{slot.A: 2, slot.B: 3}}.Encode()}, Running: slot.A}
}

func TestTrial(t *testing.T) {
	for name, c := range map[string]struct {
		works  time.Duration // after which the first share is accepted; 0: never
		proved bool
		again  bool
		left   int
	}{
		"works":          {works: time.Minute, left: slot.Tries},
		"works too late": {works: trialFor + time.Minute, again: true, left: 2},
		"never works":    {again: true, left: 2},
		"worked before":  {proved: true, left: slot.Tries},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := newCard(t)
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
				(&trial{card: card}).run(ctx, good, newConsole(io.Discard), func() { again = true })
				if s := card.State(); again != c.again || s.Left[slot.A] != c.left || s.First != slot.A {
					t.Errorf("again %v, %+v", again, s)
				}
			})
		})
	}
}
