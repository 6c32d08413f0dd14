package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lodefw/lode/internal/cli"
)

const packageDir = "../../firmware/image/package"

// parse reads arguments as run does.
func parse(t *testing.T, args ...string) config {
	t.Helper()
	var cfg config
	rest, err := cli.Parse(cli.IO{Err: io.Discard}, help, args, &cfg, defineFlags)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%q: %v, %v", args, err, rest)
	}
	return cfg
}

// The file that Debian's package installs has keys that exist, also those that a user
// is to uncomment.
func TestPackagedSettings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(packageDir, "lode.toml"))
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z]+ = )`).ReplaceAll(text, []byte("$1"))
	name := filepath.Join(t.TempDir(), "lode.toml")
	if err := os.WriteFile(name, all, 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, "-config", name)
	if len(c.Pools) != 1 || len(c.Users) != 1 || c.Board == "" || !strings.HasPrefix(c.Status, "unix:") || c.ClockFile == "" || c.Profile == "" {
		t.Errorf("%+v", c)
	}
}

// OpenWrt's functions, as far as the script calls them: settings come from variables,
// and what would run is printed, one word in a line.
const openWrt = `
config_load() { :; }
config_get_bool() { eval "$1=\"\${uci_$3:-${4:-}}\""; }
config_get() { eval "$1=\"\${uci_$3:-${4:-}}\""; }
config_list_foreach() { eval "for v in \$uci_$2; do $3 \"\$v\"; done"; }
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() { procd_append_param "$@"; }
procd_append_param() { [ "$1" = command ] || return 0; shift; for w in "$@"; do echo "$w"; done; }
. ./init.sh
start_service
`

// The script that OpenWrt's package installs runs lode-miner with flags that it has.
func TestOpenWrtScript(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) []string {
		cmd := exec.Command(sh, "-eu", "-c", openWrt)
		cmd.Dir, cmd.Env = packageDir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Fields(string(bytes.TrimSpace(out)))
	}
	if got := run("uci_enabled=0"); len(got) != 0 {
		t.Errorf("not enabled, it runs %q", got)
	}
	got := run("uci_enabled=1", "uci_pool=stratum2+tcp://a:1/K stratum2+tcp://b:2/K", "uci_user=alice", "uci_board=bitaxe-gamma:/dev/ttyACM0,/dev/ttyACM1",
		"uci_set=zeros=8 revision=2", "uci_tune=efficiency", "uci_verbose=1")
	if len(got) == 0 || got[0] != "/usr/bin/lode-miner" {
		t.Fatalf("it runs %q", got)
	}
	c := parse(t, got[1:]...)
	if len(c.Pools) != 2 || c.Users[0] != "alice" || c.Board != "bitaxe-gamma:/dev/ttyACM0,/dev/ttyACM1" || c.Settings["zeros"] != "8" ||
		c.Settings["revision"] != "2" || c.Tune != "efficiency" || !c.Verbose || !c.Nice || c.Duty != 25 || c.Profile == "" {
		t.Errorf("%+v", c)
	}
}

// The unit starts the program where the package puts it, with its settings.
func TestSystemdUnit(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(packageDir, "lode-miner.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ExecStart=/usr/bin/lode-miner -config /etc/lode/lode.toml\n", "Type=notify\n", "RestartPreventExitStatus=2 3\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
	if cli.Usage != 2 || cli.Config != 3 {
		t.Errorf("mistakes in the settings end with %d and %d, which systemd tries again", cli.Usage, cli.Config)
	}
}
