package tinytest

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinkWeather(t *testing.T) {
	sent := bytes.Repeat([]byte{7}, 100)
	flipped := bytes.Clone(sent)
	flipped[30] ^= 0x10
	tests := map[string]struct {
		weather Weather
		want    []byte
		took    time.Duration
	}{
		"fine":    {Weather{}, sent, 0},
		"delay":   {Weather{Delay: time.Second}, sent, time.Second},
		"split":   {Weather{Split: 1}, sent, 0},
		"corrupt": {Weather{Corrupt: 30}, flipped, 0},
		"cut":     {Weather{CutAt: 40}, sent[:40], 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := NewNetwork()
				defer n.Close()
				n.SetWeather(tt.weather)
				l, err := n.Listen("pool")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go func() {
					c, _ := n.Dial(t.Context(), "tcp", "pool")
					c.Write(sent)
					c.Close()
				}()
				start := time.Now()
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(c)
				if !bytes.Equal(got, tt.want) {
					t.Errorf("received %d bytes %x, want %d bytes %x", len(got), got, len(tt.want), tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

func TestNetworkRefusesAndSwallows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		defer n.Close()
		if _, err := n.Dial(t.Context(), "tcp", "nobody"); err == nil {
			t.Error("Dial to nobody succeeded")
		}
		n.Dark("pool", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := n.Dial(ctx, "tcp", "pool"); err == nil || time.Since(start) != time.Minute {
			t.Errorf("Dial into the dark: %v after %v, want an error after a minute", err, time.Since(start))
		}
	})
}

func TestLinkStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		defer n.Close()
		l, _ := n.Listen("pool")
		defer l.Close()
		go func() {
			c, _ := n.Dial(t.Context(), "tcp", "pool")
			time.Sleep(time.Second)
			c.Write([]byte("x"))
		}()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.Links()[0].Stall(true)
		time.AfterFunc(time.Hour, func() { n.Links()[0].Stall(false) })
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != nil || time.Since(start) != time.Hour {
			t.Errorf("Read = %v after %v, want a byte after an hour", err, time.Since(start))
		}
	})
}
