package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2client"
)

// ctl runs lodectl with standard input in.
func ctl(t *testing.T, in string, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = run(t.Context(), cli.IO{In: strings.NewReader(in), Out: &o, Err: &e}, args)
	return o.String(), e.String(), err
}

const (
	closeHex  = "008018100000010000000b6d61696e74656e616e6365"
	closeJSON = `{"message":"CloseChannel","extension":0,"msg_type":24,"channel_msg":true,"channel_id":1,"reason_code":"maintenance"}`
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		code cli.Code
		says string
	}{
		{"", cli.Usage, "keygen"},
		{"dance", cli.Usage, "dance"},
		{"-h", cli.OK, "exit codes"},
		{"-version", cli.OK, "lodectl"},
		{"keygen -h", cli.OK, "-from"},
		{"keygen extra", cli.Usage, "keygen"},
		{"keygen -o a -from b", cli.Usage, "-from"},
		{"keygen -from /nonexistent", cli.Config, "nonexistent"},
		{"keygen -o /nonexistent/key", cli.Config, "nonexistent"},
		{"decode", cli.Usage, "-"},
		{"decode nonsense", cli.Usage, "neither hex nor a file"},
		{"decode 00 zz", cli.Usage, "not hex"},
		{"decode 0080", cli.Runtime, "6 bytes"},
		{"decode 008018100000", cli.Runtime, "16 bytes"},
		{"decode 00800", cli.Runtime, "2 are left"},
		{"decode -x", cli.Usage, "decode -h"},
		{"decode -", cli.Runtime, "nothing came"},
		{"encode", cli.Usage, "JSON"},
		{"encode {", cli.Runtime, "value 1"},
		{`encode {"message":"Nobody"}`, cli.Runtime, "Nobody"},
		{"status", cli.Usage, "address"},
		{"status unix:/nonexistent", cli.TryAgain, "-status"},
	} {
		out, _, err := ctl(t, "", strings.Fields(c.args)...)
		if cli.CodeOf(err) != cli.OK {
			out = err.Error()
		}
		if cli.CodeOf(err) != c.code || !strings.Contains(out, c.says) {
			t.Errorf("lodectl %s: code %d, want %d: %s", c.args, cli.CodeOf(err), c.code, out)
		}
	}
}

func TestKeygen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authority.key")
	out, _, err := ctl(t, "", "keygen", "-o", path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := noise.ParseSecretKey(strings.TrimSpace(string(text)))
	if err != nil || out != "public "+k.Public().String()+"\n" {
		t.Errorf("%v, printed %q", err, out)
	}
	if again, _, err := ctl(t, "", "keygen", "-from", path); err != nil || again != out {
		t.Errorf("-from: %q, %v", again, err)
	}
	if _, _, err := ctl(t, "", "keygen", "-o", path); cli.CodeOf(err) != cli.Config {
		t.Errorf("a key was replaced: %v", err)
	}
	both, _, err := ctl(t, "", "keygen")
	if f := strings.Fields(both); err != nil || len(f) != 4 || f[0] != "public" || f[2] != "secret" {
		t.Errorf("%q, %v", both, err)
	}
}

func TestDecode(t *testing.T) {
	raw, err := hex.DecodeString(closeHex)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "frames")
	if err := os.WriteFile(file, append(raw, raw...), 0o600); err != nil {
		t.Fatal(err)
	}
	spaced := strings.Join([]string{"0x00,80 0x18:10", "0000", closeHex[12:]}, "\n")
	for name, c := range map[string]struct {
		in   string
		args []string
		n    int
	}{
		"argument":        {"", []string{closeHex}, 1},
		"arguments":       {"", []string{closeHex[:10], closeHex[10:] + closeHex, closeHex}, 3},
		"capitals":        {"", []string{strings.ToUpper(closeHex)}, 1},
		"with decoration": {spaced, []string{"-"}, 1},
		"lines of hex":    {closeHex + "\n" + closeHex + "\n", []string{"-"}, 2},
		"bytes":           {string(raw), []string{"-"}, 1},
		"file":            {"", []string{file}, 2},
	} {
		out, _, err := ctl(t, c.in, append([]string{"decode"}, c.args...)...)
		if want := strings.Repeat(closeJSON+"\n", c.n); err != nil || out != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, out, want)
		}
	}
}

// A frame that does not decode is shown as it is, and the next one is reached.
func TestDecodeGoesOn(t *testing.T) {
	out, errs, err := ctl(t, "", "decode", "008018030000010000", closeHex)
	want := `{"message":"","extension":0,"msg_type":24,"channel_msg":true,"payload":"010000"}` + "\n" + closeJSON + "\n"
	if cli.CodeOf(err) != cli.Runtime || out != want || !strings.Contains(errs, "byte 0") {
		t.Errorf("%v, %q\ngot  %s\nwant %s", err, errs, out, want)
	}
}

func TestEncode(t *testing.T) {
	out, _, err := ctl(t, "", "encode", closeJSON, `{"message":"CloseChannel"}`)
	if want := closeHex + "\n" + "0080180500000000000000"[:22] + "\n"; err != nil || out != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, out, want)
	}
	out, _, err = ctl(t, closeJSON+closeJSON, "encode", "-binary", "-")
	if err != nil || hex.EncodeToString([]byte(out)) != closeHex+closeHex {
		t.Errorf("%x, %v", out, err)
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := hex.DecodeString(closeHex)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(closeHex))
	f.Add([]byte("0x00 0x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out, errs bytes.Buffer
		s := cli.IO{In: bytes.NewReader(b), Out: &out, Err: &errs}
		err := run(t.Context(), s, []string{"decode", "-"})
		if err == nil && out.Len() == 0 {
			t.Error("neither frames nor an error")
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Errorf("not JSON: %s", line)
			}
		}
	})
}

func TestStatus(t *testing.T) {
	fault := sv2client.PoolStatus{URL: noise.URL{Host: "b", Port: 2}, Fault: "unreachable", Error: "refused", Advice: "look"}
	miner := device.Status{Pool: sv2client.Status{State: sv2client.Mining, Pool: "a:1", User: "alice", Accepted: 5,
		Rejected: map[string]uint64{"stale-share": 2, "x": 3}, Channels: []sv2client.ChannelStatus{{ID: 7, Difficulty: 2, HashRate: 1e6}, {Error: "too many"}},
		Job: &sv2client.JobStatus{}, Pools: []sv2client.PoolStatus{fault}}}
	miner.Hashers = []device.HasherStatus{{Name: "cpu"}}
	miner.HashRate.Minute1 = 2e6
	withBoard := miner
	withBoard.Board = &device.BoardStatus{Name: "s9", Power: device.PowerSafeOff, SinceSeconds: 65, Trips: 1,
		Reason:       &device.Reason{Code: device.FanStopped, Part: "fan 1", Text: "stands still", Advice: "clean it"},
		Temperatures: []device.TemperatureStatus{{Name: "chips", Celsius: 41.5}}}
	withBoard.Tuner = &device.TunerStatus{Problem: "the disk is full"}
	for name, c := range map[string]struct {
		st   any
		says []string
	}{
		"miner": {miner, []string{"2 MH/s (1 min)", "a:1 as alice: mining", "7, difficulty 2, 1 MH/s", "work for the others: too many", "5 accepted", "3 rejected: x, 2 rejected: stale-share", "b:2: unreachable", "look"}},
		"board": {withBoard, []string{"s9: safe-off for 1m5s, 1 trip\n", "chips 41.5 °C", "fan 1 stands still", "clean it", "trouble: the disk is full", "5 accepted"}},
		"pool":  {pool.Status{Started: time.Now(), Accepted: 9, Blocks: 2, HashRate: 1e6}, []string{"9 accepted", "2 taken", "in trouble"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := cli.ListenStatus("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := serveStatus(t, l, c.st)
			out, _, err := ctl(t, "", "status", addr)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("lacks %q:\n%s", want, out)
				}
			}
			out, _, err = ctl(t, "", "status", "-json", addr)
			if err != nil || !json.Valid([]byte(out)) {
				t.Errorf("-json: %v\n%s", err, out)
			}
		})
	}
}

func TestStatusOfSomethingElse(t *testing.T) {
	l, err := cli.ListenStatus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ctl(t, "", "status", serveStatus(t, l, 3)); err == nil {
		t.Error("a number was taken for a status")
	}
}

func serveStatus(t *testing.T, l net.Listener, st any) (addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- cli.ServeStatus(ctx, l, func() any { return st }, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}
