package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/device/tuning"
	"github.com/lodefw/lode/internal/cli"
)

// A computer's kernels are tested, as a table and as JSON.
func TestSelfTestLaptop(t *testing.T) {
	for _, args := range []string{"selftest -board laptop", "selftest -board laptop -json"} {
		var out, errs bytes.Buffer
		if err := run(t.Context(), cli.IO{Out: &out, Err: &errs}, strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
		}
		var checks []device.Check
		asJSON := json.Unmarshal(out.Bytes(), &checks) == nil
		if asJSON != strings.Contains(args, "-json") || !strings.Contains(out.String(), "2083236893") {
			t.Errorf("%s:\n%s", args, out.String())
		}
		if asJSON && (len(checks) == 0 || checks[0].Part != "generic" || !checks[0].OK) {
			t.Errorf("%+v", checks)
		}
	}
}

// A board that cannot be reached is bad hardware; one that does not exist is a
// wrong configuration.
func TestSelfTestExitCodes(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		args string
		code cli.Code
		says string
	}{
		{"-board bitaxe-gamma:" + none + "," + none, cli.Hardware, "board of bitaxe-gamma"},
		{"-board s19bbb -set psu-enable=maybe", cli.Config, "want one of low, high"},
		{"-board nonsense", cli.Config, "no board called"},
		{"-board virtual:nonsense", cli.Config, "no board"},
		{"-time 2h", cli.Usage, "-time"}, {"more", cli.Usage, "more"}, {"-nonsense", cli.Usage, "selftest -h"},
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), cli.IO{Out: &out, Err: &errs}, append([]string{"selftest"}, strings.Fields(c.args)...))
		if cli.CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, exit code %d; want %d and %q", c.args, err, cli.CodeOf(err), c.code, c.says)
		}
	}
}

// Of chips that nothing guards there is nothing to test, least of all the computer.
func TestSelfTestLoose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loose.toml")
	text := "name = 'a'\nunguarded = 'a test'\n[[chain]]\nuart = '/nonexistent/tty'\nmodel = 'BM1370'\nchips = 1\nclock = 525"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), cli.IO{Out: &output{}, Err: &output{}}, []string{"selftest", "-board", "file:" + path})
	if cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), "nothing guards") {
		t.Errorf("%v", err)
	}
}

// A virtual board passes.
func TestSelfTestVirtual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := selfTestConfig{config: config{Board: "virtual:bitaxe-gamma"}}
		var told []string
		checks, err := c.try(t.Context(), slog.New(slog.DiscardHandler), func(what string) { told = append(told, what) })
		if err != nil || verdict(checks) != nil || len(checks) < 8 || len(told) < 5 {
			t.Errorf("%v, %v: %+v; told %v", err, verdict(checks), checks, told)
		}
		checks[2].OK, checks[2].Advice = false, "look"
		var out bytes.Buffer
		if err := printChecks(cli.IO{Out: &out}, checks); err != nil || !strings.Contains(out.String(), "BAD") || !strings.Contains(out.String(), "look") {
			t.Errorf("%v\n%s", err, out.String())
		}
		if err := verdict(checks); cli.CodeOf(err) != cli.Hardware {
			t.Errorf("exit code %d for %v", cli.CodeOf(err), err)
		}
	})
}

// Clock, voltage and targets are checked before anything gets power.
func TestTuningFlags(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "profile.json")
	for _, c := range []struct {
		cfg  config
		says string // empty: it is taken
	}{
		{config{}, ""}, {config{Clock: "500MHz", Volts: "1.1V"}, ""}, {config{Clock: "500"}, ""},
		{config{Tune: "power=12W", Profile: profile}, ""}, {config{Profile: profile}, ""},
		{config{Clock: "900MHz"}, "400 to 650 MHz"}, {config{Clock: "fast"}, "-clock fast"},
		{config{Volts: "1.4V"}, "1 to 1.3 V"}, {config{Volts: "x"}, "-volts x"}, {config{Tune: "speed"}, "power=15W"},
	} {
		v, err := virtual.New(virtual.Config{Board: "bitaxe-gamma"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.cfg.tuning(v.Board)
		if c.says != "" {
			if cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v: %v, want %q", c.cfg, err, c.says)
			}
			continue
		}
		want, _ := tuning.ParseTarget(c.cfg.Tune)
		if err != nil || (got == nil) != (c.cfg.Tune == "" && c.cfg.Profile == "") || got != nil && got.Target != want {
			t.Errorf("%+v: %+v, %v", c.cfg, got, err)
		}
	}
	c := config{Tune: "efficiency"}
	if _, err := c.tuning(nil); cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), "-board") {
		t.Errorf("without a board: %v", err)
	}
	if _, err := os.Stat(profile); err == nil {
		t.Error("a profile was written before anything was found")
	}
}
