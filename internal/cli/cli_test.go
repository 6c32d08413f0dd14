package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, OK},
		{flag.ErrHelp, OK},
		{context.Canceled, OK},
		{fmt.Errorf("stopped: %w", context.Canceled), OK},
		{errors.New("x"), Runtime},
		{context.DeadlineExceeded, Runtime},
		{Fail(Bind, errors.New("x")), Bind},
		{fmt.Errorf("main: %w", Failf(KeyMismatch, "x")), KeyMismatch},
		{Fail(Hardware, context.Canceled), Hardware},
		{Fail(Config, nil), OK},
		{Failf(TryAgain, "x"), TryAgain},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	if code := Report("lode", IO{Err: &out}, Failf(Safety, "too hot\x1b[2J")); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	if got, want := out.String(), "lode: too hot?[2J\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	out.Reset()
	Report("lode", IO{Err: &out}, errors.Join(errors.New("no fan"), errors.New("no air\x07")))
	if got, want := out.String(), "lode: no fan\n  no air?\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	out.Reset()
	if code := Report("lode", IO{Err: &out}, nil); code != 0 || out.Len() > 0 {
		t.Errorf("success gave code %d and %q", code, out.String())
	}
}

// send sends a signal to this process.
func send(t *testing.T, sig os.Signal) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(sig)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The first signal asks, a second one ends the process. A terminal that is closed
// counts as an interrupt.
func TestSignals(t *testing.T) {
	list := []os.Signal{syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		list = append(list, syscall.SIGHUP)
	}
	for _, first := range list {
		exits := make(chan struct{}, 1)
		ctx, stop := signals(context.Background(), 0, func() { exits <- struct{}{} })
		send(t, first)
		<-ctx.Done()
		select {
		case <-exits:
			t.Fatal("the first signal ended the process")
		default:
		}
		send(t, os.Interrupt)
		<-exits
		stop()
	}
}

// Ctrl-C pressed twice does not cut an orderly end short.
func TestSignalTwice(t *testing.T) {
	ctx, stop := signals(context.Background(), time.Hour, func() { t.Error("the process was ended") })
	send(t, os.Interrupt)
	<-ctx.Done()
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, os.Interrupt)
	defer signal.Stop(seen)
	send(t, os.Interrupt)
	<-seen // and so has signals, whose channel has room
	stop()
}

// A pipe that nobody reads ends the command in order; another failure to write does not.
func TestStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	lost := 0
	s := newStream(w, func() { lost++ })
	if _, err := s.Write([]byte("a")); err != nil || lost != 0 {
		t.Errorf("a write that is read: %v, lost %d", err, lost)
	}
	r.Close()
	if _, err := io.WriteString(s, "b"); !errors.Is(err, errUnread) || lost != 1 || CodeOf(err) != OK {
		t.Errorf("a write that is not: %v, lost %d, code %d", err, lost, CodeOf(err))
	}
	w.Close()
	if _, err := s.Write([]byte("c")); err == nil || lost != 1 {
		t.Errorf("a write to nowhere: %v, lost %d", err, lost)
	}
}

type testConfig struct {
	Listen  string        `toml:"listen"`
	Pools   Strings       `toml:"pool"`
	Wait    time.Duration `toml:"wait"`
	Threads int           `toml:"threads"`
	Verbose bool          `toml:"verbose"`
	Limits  struct {
		PerAddress uint16  `toml:"per-address"`
		Rate       float64 `toml:"rate"`
	} `toml:"limits"`
	Nodes []struct {
		URL string `toml:"url"`
	} `toml:"node"`
	Pins   Pairs `toml:"pins"`
	Hidden string
}

func parseTest(t *testing.T, env []string, args ...string) (testConfig, []string, string, error) {
	t.Helper()
	var out bytes.Buffer
	cfg := testConfig{Listen: "default", Threads: 1}
	h := Help{Name: "prog", Synopsis: "[flags]", About: "Tests.", Prefix: "PROG",
		Examples: []Example{{"prog -pool x", "mines"}}}
	rest, err := Parse(IO{Out: &out, Err: &out, Env: env}, h, args, &cfg, func(fs *flag.FlagSet, c *testConfig) {
		fs.StringVar(&c.Listen, "listen", c.Listen, "listen on `address`")
		fs.IntVar(&c.Threads, "threads", c.Threads, "threads")
		fs.Var(&List{Values: &c.Pools}, "pool", "pool `URL`")
	})
	return cfg, rest, out.String(), err
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseOrder(t *testing.T) {
	path := writeFile(t, `
listen = "file"
pool = ["a", "b"]
wait = "10s"
threads = 2
[limits]
per-address = 7
rate = 0.5
[[node]]
url = "n0"
`)
	env := []string{"PROG_THREADS=3", "PROG_LISTEN=env", "PROG_LIMITS_PER_ADDRESS=0x10", "PROG_VERBOSE=true",
		"PROG_PINS=reset=4, enable=low", "PROG_NODE_0_URL=m0", "PROG_NODE_1_URL=m1", "PROG_NODE_3_URL=gap"}
	cfg, rest, warned, err := parseTest(t, env, "-config", path, "-listen", "flag", "-pool", "x", "-pool", "y", "rest")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v %v", cfg, rest)
	want := "{Listen:flag Pools:[x y] Wait:10s Threads:3 Verbose:true Limits:{PerAddress:16 Rate:0.5} Nodes:[{URL:m0} {URL:m1}] Pins:map[enable:low reset:4] Hidden:} [rest]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := "prog: warning: PROG_NODE_3_URL is no setting; check its spelling\n"; warned != want {
		t.Errorf("printed %q, want %q", warned, want)
	}
}

func TestParseEnvironment(t *testing.T) {
	path := writeFile(t, "threads = 9")
	cfg, _, _, err := parseTest(t, []string{"PROG_CONFIG=" + path, "PROG_POOL=a, b", "PROG_WAIT=3m"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Threads != 9 || cfg.Listen != "default" || cfg.Wait != 3*time.Minute || strings.Join(cfg.Pools, "|") != "a|b" {
		t.Errorf("got %+v", cfg)
	}
	cfg, _, _, err = parseTest(t, []string{"PROG_POOL="})
	if err != nil || len(cfg.Pools) != 0 {
		t.Errorf("empty list gives %q, %v", cfg.Pools, err)
	}
}

func TestSingleText(t *testing.T) {
	cfg, _, _, err := parseTest(t, nil, "-config", writeFile(t, "pool = 'one'"))
	if err != nil || len(cfg.Pools) != 1 || cfg.Pools[0] != "one" {
		t.Errorf("pools %q, %v", cfg.Pools, err)
	}
	for _, bad := range []string{"pool = 3", "pool = ['a', 3]"} {
		if _, _, _, err := parseTest(t, nil, "-config", writeFile(t, bad)); CodeOf(err) != Config {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPairs(t *testing.T) {
	cfg, _, _, err := parseTest(t, nil, "-config", writeFile(t, "[pins]\na = 'x'\nb = 9\nc = true\nd = 0.5"))
	if got := fmt.Sprint(cfg.Pins); err != nil || got != "map[a:x b:9 c:true d:0.5]" {
		t.Errorf("%s, %v", got, err)
	}
	for bad, says := range map[string]string{"pins = 3": "table", "[pins]\na = [1]": "quotes", "[pins.a]\nb = 1": "quotes"} {
		if _, _, _, err := parseTest(t, nil, "-config", writeFile(t, bad)); CodeOf(err) != Config || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		file string
		env  []string
		args []string
		code Code
		text string
	}{
		{file: "lisen = 'x'", code: Config, text: "lisen"},
		{file: "threads = 'x'", code: Config, text: "threads"},
		{file: "= =", code: Config, text: "c.toml"},
		{env: []string{"PROG_THREADS=many"}, code: Config, text: "PROG_THREADS"},
		{env: []string{"PROG_LIMITS_PER_ADDRESS=70000"}, code: Config, text: "PER_ADDRESS"},
		{env: []string{"PROG_PINS=4"}, code: Config, text: "name=value"},
		{env: []string{"PROG_WAIT=5"}, code: Config, text: "PROG_WAIT"},
		{env: []string{"PROG_CONFIG=/nonexistent/file"}, code: Config, text: "/nonexistent/file"},
		{args: []string{"-nope"}, code: Usage, text: "prog -h"},
		{args: []string{"-threads", "x"}, code: Usage, text: "threads"},
	} {
		args := c.args
		if c.file != "" {
			args = append(args, "-config", writeFile(t, c.file))
		}
		_, _, _, err := parseTest(t, c.env, args...)
		if CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%+v: got %v (code %d)", c, err, CodeOf(err))
		}
	}
}

func TestHelp(t *testing.T) {
	_, _, out, err := parseTest(t, nil, "-h")
	if CodeOf(err) != OK || err == nil {
		t.Errorf("-h = %v, want an error with code 0", err)
	}
	for _, want := range []string{"usage: prog [flags]", "-listen address", "-config file", "prog -pool x", "PROG_KEY", "75 "} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %q:\n%s", want, out)
		}
	}
}

func TestParseFlags(t *testing.T) {
	var n int
	rest, err := ParseFlags(IO{}, Help{Name: "p"}, []string{"-n", "4", "a"}, func(fs *flag.FlagSet) { fs.IntVar(&n, "n", 0, "") })
	if err != nil || n != 4 || len(rest) != 1 {
		t.Errorf("ParseFlags = %v, %v, n = %d", rest, err, n)
	}
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, false).With("pool", "a b").WithGroup("g")
	log.Debug("unseen")
	log.Warn("odd\nthing", "code", "x\x1b[31m", "n", 3, "f", 0.0019530951976776123, slog.Group("in", "k", "v"), "empty", "")
	_, got, _ := strings.Cut(out.String(), " ")
	want := `WARN odd?thing pool="a b" g.code="x\x1b[31m" g.n=3 g.f=0.001953 g.in.k=v g.empty=""` + "\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	out.Reset()
	NewLogger(&out, true).Debug("seen")
	if !strings.HasSuffix(out.String(), " DEBUG seen\n") {
		t.Errorf("verbose line %q", out.String())
	}
}

func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	plain := NewTerminal(&out, IO{})
	plain.Progress("never")
	fmt.Fprintln(plain, "line")
	if out.String() != "line\n" || plain.Interactive() {
		t.Errorf("without a terminal: %q", out.String())
	}
	out.Reset()
	tty := &Terminal{w: &out, width: func() int { return 6 }}
	tty.Progress("abcdefgh")
	fmt.Fprintln(tty, "log")
	tty.Progress("")
	want := "\r\x1b[Kabcde" + "\r\x1b[Klog\nabcde" + "\r\x1b[K"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCount(t *testing.T) {
	if a, b, c := Count(0, "block"), Count(uint64(1), "block"), Count(2, "block"); a != "0 blocks" || b != "1 block" || c != "2 blocks" {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

func TestBuild(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.time", Value: "2027-01-02T03:04:05Z"}, {Key: "vcs.revision", Value: "0123456789abcdef"}}}
	if b := build("", "", info); b.Time.Year() != 2027 || b.Version != "devel" || !strings.Contains(b.String(), "0123456789ab,") {
		t.Errorf("from the go command: %v", b)
	}
	if b := build("1.2", "1830000000", info); b.Time.Unix() != 1830000000 || b.Version != "1.2" {
		t.Errorf("from the linker: %v", b)
	}
	if b := build("", "", nil); b.Time.Unix() != firstCommit || b.Version != "devel" {
		t.Errorf("from nothing: %v", b)
	}
	if ReadBuild().Time.Unix() < firstCommit {
		t.Error("this program is older than lode")
	}
}

func TestStatusSocket(t *testing.T) {
	l, err := ListenStatus(":0")
	if err != nil {
		t.Fatal(err)
	}
	if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		t.Errorf("bare port listens on %v", ip)
	}
	addr := l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ServeStatus(ctx, l, func() any { return map[string]int{"accepted": 3} }, nil) }()

	b, err := FetchStatus(t.Context(), addr)
	if err != nil || !strings.Contains(string(b), `"accepted": 3`) {
		t.Errorf("FetchStatus = %s, %v", b, err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	b, err = io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.0 200 OK\r\n") {
		t.Errorf("GET = %q, %v", b, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ServeStatus = %v", err)
	}
	if _, err := FetchStatus(t.Context(), addr); CodeOf(err) != TryAgain {
		t.Errorf("FetchStatus of nothing = %v", err)
	}
	if _, err := ListenStatus("127.0.0.1:99999"); CodeOf(err) != Bind {
		t.Errorf("ListenStatus = %v, want code 4", err)
	}
}

// A process that was killed leaves its socket behind. The next one takes the path
// over, but not from one that lives, and not a file that is something else.
func TestStatusSocketLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenStatus("unix:" + path); CodeOf(err) != Bind {
		t.Errorf("ListenStatus beside a living listener: %v", err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close()
	l, err := ListenStatus("unix:" + path)
	if err != nil {
		t.Fatalf("ListenStatus where a socket was left: %v", err)
	}
	l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = ListenStatus("unix:" + path)
	if text, _ := os.ReadFile(path); CodeOf(err) != Bind || string(text) != "precious" {
		t.Errorf("ListenStatus on a file: %v, which now holds %q", err, text)
	}
}

func TestFetchStatusOfSomethingElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			fmt.Fprint(c, "not json")
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	if _, err := FetchStatus(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "no status") {
		t.Errorf("err = %v", err)
	}
}

func ExampleParse() {
	type config struct {
		User string `toml:"user"`
	}
	cfg := config{User: "nobody"}
	s := IO{Env: []string{"LODE_EXAMPLE_USER=alice"}}
	_, err := Parse(s, Help{Name: "example", Prefix: "LODE_EXAMPLE"}, nil, &cfg, func(fs *flag.FlagSet, c *config) {
		fs.StringVar(&c.User, "user", c.User, "account `name` at the pool")
	})
	fmt.Println(cfg.User, err)
	// Output: alice <nil>
}
