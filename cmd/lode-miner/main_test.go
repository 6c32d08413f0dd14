package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
	"github.com/lodefw/lode/sv2client"
)

const key = "9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh"

// output is a stream that a test may read while the command writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestExitCodes(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	url := "stratum2+tcp://127.0.0.1:1/" + key
	for _, c := range []struct {
		args string
		code cli.Code
		says string // in the error or, without one, in the output
	}{
		{"", cli.Usage, "-pool"},
		{"-nonsense", cli.Usage, "lode-miner -h"},
		{"-pool " + url, cli.Usage, "-user"},
		{"-pool " + url + " -user a more", cli.Usage, "more"},
		{"-pool host:1 -user a", cli.Config, "stratum2+tcp://host:1/KEY"},
		{"-pool stratum+tcp://host:1 -user a", cli.Config, "Stratum V1"},
		{"-pool host -user a", cli.Config, "port"},
		{"-pool " + url[:len(url)-1] + "x -user a", cli.Config, "key"},
		{"-pool " + url + " -user a -user b", cli.Config, "2 users for 1 pools"},
		{"-pool " + url + " -user a -board antminer", cli.Config, "laptop"},
		{"-pool " + url + " -user a -board virtual:antminer", cli.Config, "bitaxe-gamma"},
		{"-pool " + url + " -user a -board bitaxe-gamma", cli.Config, "/dev/ttyACM0,/dev/ttyACM1"},
		{"-pool " + url + " -user a -board bitaxe-gamma -set pin=5", cli.Config, "no setting"},
		{"-pool " + url + " -user a -board bitaxe-gamma:/nonexistent/a,/nonexistent/b", cli.Config, "/nonexistent/a"},
		{"-pool " + url + " -user a -threads 100000", cli.Config, "threads"},
		{"-pool " + url + " -user a -duty 101", cli.Config, "duty"},
		{"-pool " + url + " -user a -kernel abacus", cli.Config, "generic"},
		{"-pool " + url + " -user a -config /nonexistent.toml", cli.Config, "nonexistent"},
		{"-pool " + url + " -user " + strings.Repeat("a", 256), cli.Config, "255"},
		{"-pool " + url + " -user a -threads 1 -status " + busy.Addr().String(), cli.Bind, "-status"},
		{"-h", cli.OK, "exit codes"},
		{"-version", cli.OK, "lode-miner"},
		{"bench -h", cli.OK, "-json"},
		{"bench more", cli.Usage, "more"},
		{"bench -time 0s", cli.Usage, "-time"},
	} {
		var out, errs output
		err := run(t.Context(), cli.IO{Out: &out, Err: &errs}, strings.Fields(c.args))
		text := out.String()
		if cli.CodeOf(err) != cli.OK {
			text = err.Error()
		}
		if cli.CodeOf(err) != c.code || !strings.Contains(text, c.says) {
			t.Errorf("lode-miner %s: code %d, want %d: %s", c.args, cli.CodeOf(err), c.code, text)
		}
	}
}

func TestEnvironmentAndFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "miner.toml")
	if err := os.WriteFile(path, []byte("pool = 'host:1'\nplain = true\nuser = 'alice'\nboard = 'auto'\nthreads = 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	var cfg config
	s := cli.IO{Env: []string{"LODE_MINER_CONFIG=" + path, "LODE_MINER_THREADS=1", "LODE_MINER_USER=bob"}}
	if _, err := cli.Parse(s, help, []string{"-duty", "10"}, &cfg, defineFlags); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(cfg.Pools, cfg.Users, cfg.Plain, cfg.Threads, cfg.Duty) != "[host:1] [bob] true 1 10" {
		t.Errorf("%+v", cfg)
	}
	m, err := cfg.machine(nil)
	if err != nil || m.String() != "laptop" {
		t.Errorf("machine %v, %v", m, err)
	}
}

// A tinyPool takes every share of its miners.
func tinyPool(t *testing.T, cfg sv2net.ListenConfig) (address string) {
	t.Helper()
	l, err := sv2net.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); serveMiner(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func serveMiner(c *sv2net.Conn) {
	if c.Handshake(context.Background()) != nil {
		return
	}
	easy := sv2.U256{}
	for i := range 30 {
		easy[i] = 0xff
	}
	for {
		f, err := c.Receive()
		if err != nil {
			return
		}
		m := mining.New(f.Type)
		if sv2.Unmarshal(f.Payload, m) != nil {
			return
		}
		switch m := m.(type) {
		case *sv2.SetupConnection:
			err = c.Send(&sv2.SetupConnectionSuccess{UsedVersion: 2})
		case *mining.OpenStandardMiningChannel:
			err = c.SendAll(&mining.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: 1, Target: easy, ExtranoncePrefix: []byte{1}},
				&mining.NewMiningJob{ChannelID: 1, JobID: 1, Version: 0x20000000},
				&mining.SetNewPrevHash{ChannelID: 1, JobID: 1, MinNTime: uint32(time.Now().Unix()), NBits: 0x1d00ffff})
		case *mining.SubmitSharesStandard:
			err = c.Send(&mining.SubmitSharesSuccess{ChannelID: 1, LastSequenceNumber: m.SequenceNumber, NewSubmitsAcceptedCount: 1})
		}
		if err != nil {
			return
		}
	}
}

func identity(t *testing.T) *noise.Identity {
	t.Helper()
	authority, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := noise.NewIdentity(noise.IdentityConfig{Authority: authority, Random: rand.Reader, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Real hashing over real TCP and Noise, until the "signal".
func TestMines(t *testing.T) {
	id := identity(t)
	pool := tinyPool(t, sv2net.ListenConfig{Identity: id})
	dir := t.TempDir()
	socket, clock := "unix:"+filepath.Join(dir, "s"), filepath.Join(dir, "clock")
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs output
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cli.IO{Out: &out, Err: &errs}, []string{"-pool", "stratum2+tcp://" + pool + "/" + id.Authority().String(),
			"-user", "alice", "-threads", "1", "-status", socket, "-clock-file", clock, "-v"})
	}()
	var st struct {
		HashRate device.Rates `json:"hash_rate"`
		Pool     struct {
			State    string `json:"state"`
			Accepted uint64 `json:"accepted"`
			Blocks   uint64 `json:"blocks"`
			Secure   bool   `json:"encrypted"`
		} `json:"pool"`
	}
	for deadline := time.Now().Add(20 * time.Second); st.Pool.Accepted < 3; {
		if time.Now().After(deadline) {
			t.Fatalf("no shares accepted: %+v\n%s", st, errs.String())
		}
		if b, err := cli.FetchStatus(t.Context(), socket); err == nil {
			if err := json.Unmarshal(b, &st); err != nil {
				t.Fatal(err)
			}
		}
	}
	if st.Pool.State != "mining" || !st.Pool.Secure || st.Pool.Blocks != 0 {
		t.Errorf("status %+v", st)
	}
	var saved []byte
	for deadline := time.Now().Add(20 * time.Second); len(saved) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		saved, _ = os.ReadFile(clock) // nobody waits for it but us, least of all a miner that stops
	}
	if len(saved) != len("2006-01-02T15:04:05Z\n") {
		t.Errorf("saved time %q", saved)
	}
	began := time.Now()
	cancel()
	if err := <-done; cli.CodeOf(err) != cli.OK {
		t.Errorf("run = %v", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("stopping took %v", d)
	}
	for _, want := range []string{"channel open", "mining", "stopping", "accepted="} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, errs.String())
		}
	}
}

func TestWrongKeyIsFive(t *testing.T) {
	pool := tinyPool(t, sv2net.ListenConfig{Identity: identity(t)})
	var out, errs output
	err := run(t.Context(), cli.IO{Out: &out, Err: &errs}, []string{"-pool", "stratum2+tcp://" + pool + "/" + key, "-user", "a", "-threads", "1"})
	if cli.CodeOf(err) != cli.KeyMismatch || !strings.Contains(err.Error(), "-pool") {
		t.Errorf("run = %v (code %d)", err, cli.CodeOf(err))
	}
}

// -plain allows what has no key, but never weakens what has one.
func TestPlain(t *testing.T) {
	plain := tinyPool(t, sv2net.ListenConfig{Plain: true})
	u, err := noise.ParseURL(plain)
	if err != nil {
		t.Fatal(err)
	}
	dial := (&config{Plain: true}).dialer(noise.Clock{}, nil)
	c, err := dial(t.Context(), u)
	if err != nil || c.Secure() {
		t.Fatalf("dial = %v", err)
	}
	c.Close()
	if u.Key, err = noise.ParsePublicKey(key); err != nil {
		t.Fatal(err)
	}
	u.HasKey = true
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if c, err := dial(ctx, u); err == nil {
		t.Errorf("a plain pool was taken for an encrypted one: %v", c.Secure())
	}
}

func TestBench(t *testing.T) {
	var out output
	if err := run(t.Context(), cli.IO{Out: &out}, []string{"bench", "-json", "-time", "10ms"}); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out.String()), &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%v in %s", err, out.String())
	}
	if r := rows[0]; r["name"] != "generic" || r["available"] != true || r["hashes_per_second"].(float64) < 1000 {
		t.Errorf("first row %v", r)
	}
	for _, r := range rows {
		for _, key := range []string{"name", "available", "reason", "hashes_per_second", "cycles_per_hash", "needs"} {
			if _, ok := r[key]; !ok {
				t.Errorf("no %s in %v", key, r)
			}
		}
		if able := r["available"] == true; able != (r["reason"] == "") || able != (r["cycles_per_hash"].(float64) > 1) {
			t.Errorf("row %v", r)
		}
	}
	out.b.Reset()
	if err := run(t.Context(), cli.IO{Out: &out}, []string{"bench", "-time", "10ms"}); err != nil || !strings.Contains(out.String(), "generic") {
		t.Errorf("%v in %s", err, out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, cli.IO{Out: &out}, []string{"bench"}); err != context.Canceled {
		t.Errorf("stopped bench = %v", err)
	}
}

func TestKeeper(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	log := slog.New(slog.DiscardHandler)
	then := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if k := newKeeper(path, log); !k.saved.IsZero() {
		t.Error("a time from nowhere")
	}
	if err := newKeeper(path, log).write(then); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(path, log)
	if !k.saved.Equal(then) {
		t.Errorf("saved %v, want %v", k.saved, then)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k := newKeeper(path, log); !k.saved.IsZero() {
		t.Error("a time from nonsense")
	}
	k.see(then)
	k.see(then) // does not block
}

func TestProgress(t *testing.T) {
	st := device.Status{Pool: sv2client.Status{Accepted: 3, Rejected: map[string]uint64{"a": 1, "b": 1}, Blocks: 1,
		State: sv2client.Mining, Pool: "p:1"}}
	st.HashRate.Seconds5 = 2.5e6
	if got, want := progress(&st), "2.5 MH/s (1m 0 H/s, 15m 0 H/s) | accepted 3, rejected 2, lost 0 | blocks 1 | mining p:1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	st.Pool.Channel = &sv2client.ChannelStatus{Difficulty: 0.00123456}
	if got := progress(&st); !strings.HasSuffix(got, "p:1, difficulty 0.001235") {
		t.Errorf("got %s", got)
	}
	st.Pool.Channels = []sv2client.ChannelStatus{{State: sv2client.Mining}, {State: sv2client.Opening}, {State: sv2client.Mining}}
	if got := progress(&st); !strings.HasSuffix(got, "0.001235 and so on, 2 channels") {
		t.Errorf("got %s", got)
	}
}
