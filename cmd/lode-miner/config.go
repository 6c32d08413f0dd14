package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
	"github.com/lodefw/lode/sv2client"
)

// config is the file, the environment and the flags.
type config struct {
	Pools       cli.Strings `toml:"pool"`
	Users       cli.Strings `toml:"user"`
	Plain       bool        `toml:"plain"`
	StrictClock bool        `toml:"strict-clock"`
	ClockFile   string      `toml:"clock-file"`
	Board       string      `toml:"board"`
	// Settings are what the board cannot find out by itself.
	Settings cli.Pairs `toml:"board-settings"`
	Threads  int       `toml:"threads"`
	Duty     int       `toml:"duty"`
	Nice     bool      `toml:"nice"`
	Kernel   string    `toml:"kernel"`
	DeviceID string    `toml:"device-id"`
	Status   string    `toml:"status"`
	Watchdog string    `toml:"watchdog"`
	Tune     string    `toml:"tune"`
	Profile  string    `toml:"profile"`
	Clock    string    `toml:"clock"`
	Volts    string    `toml:"volts"`
	Verbose  bool      `toml:"verbose"`

	version bool
}

func defineFlags(fs *flag.FlagSet, c *config) {
	fs.Var(&cli.List{Values: &c.Pools}, "pool", "mine at this `URL`; repeat it for pools to fall back on, in order of preference")
	fs.Var(&cli.List{Values: &c.Users}, "user", "account `name` at the pool; repeat it to give each pool its own")
	fs.BoolVar(&c.Plain, "plain", c.Plain, "allow pools without a key in their URL, unencrypted: anyone on the way can steal the work")
	fs.BoolVar(&c.StrictClock, "strict-clock", c.StrictClock, "refuse to connect while the clock is not set, instead of taking the time from the pool")
	fs.StringVar(&c.ClockFile, "clock-file", c.ClockFile, "keep the last known time in this `file`, for boards whose clock forgets it")
	defineBoardFlags(fs, c)
	fs.IntVar(&c.Threads, "threads", c.Threads, "hash on `n` threads; 0 is one for each core")
	fs.IntVar(&c.Duty, "duty", c.Duty, "hash this `percent` of the time; 0 is all of it")
	fs.BoolVar(&c.Nice, "nice", c.Nice, "let every other program go first")
	fs.StringVar(&c.Kernel, "kernel", c.Kernel, "hash with this kernel; lode-miner bench lists the `name`s; empty is the fastest")
	fs.StringVar(&c.DeviceID, "device-id", c.DeviceID, "tell pools this `name` of the device; empty tells nothing")
	fs.StringVar(&c.Status, "status", c.Status, "serve the status as JSON on this `address`: host:port, :port (this machine only) or unix:PATH")
	fs.StringVar(&c.Watchdog, "watchdog", c.Watchdog, "feed the watchdog at this `path`, as /dev/watchdog: it restarts the computer when the board is not looked after any more")
	fs.StringVar(&c.Tune, "tune", c.Tune, "find the board's best clocks and voltages for a `target`: power=15W (the most hashes for it), hashrate=1.1TH (the fewest watts for it) or efficiency (the fewest joules per hash)")
	fs.StringVar(&c.Profile, "profile", c.Profile, "keep what -tune finds in this `file`, and start from it")
	fs.StringVar(&c.Clock, "clock", c.Clock, "start the board's chips at this clock, as `500MHz`, within the board's limits")
	fs.StringVar(&c.Volts, "volts", c.Volts, "start the board's chips at this voltage, as `1.1V`, within the board's limits")
	fs.BoolVar(&c.Verbose, "v", c.Verbose, "log every step")
	fs.BoolVar(&c.version, "version", false, "print the version and exit")
}

// defineBoardFlags are the flags that say which board.
func defineBoardFlags(fs *flag.FlagSet, c *config) {
	fs.StringVar(&c.Board, "board", c.Board, "what to mine with: `name` auto (the default: the board that is here, else the processor), laptop, one of lode-miner boards as bitaxe-gamma:/dev/ttyACM0,/dev/ttyACM1, file:PATH.toml, or virtual:bitaxe-gamma")
	fs.Func("set", "tell the board what it cannot find out, as `name=value`; repeat it for more", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("want name=value")
		}
		if c.Settings == nil {
			c.Settings = make(cli.Pairs)
		}
		c.Settings[name] = value
		return nil
	})
}

// watchdogTimeout is short enough for every control board's watchdog: Broadcom's
// counts to 16 s. One that cannot do it takes its own.
const watchdogTimeout = 15 * time.Second

// watchdog opens what -watchdog names and systemd's, when it is time; nil: neither.
func (c *config) watchdog(getenv func(string) (string, bool)) func() (device.Watchdog, error) {
	var open []func() (device.Watchdog, error)
	if c.Watchdog != "" {
		open = append(open, func() (device.Watchdog, error) { return device.OpenWatchdog(c.Watchdog, watchdogTimeout) })
	}
	if socket, ok := getenv("NOTIFY_SOCKET"); ok && socket != "" {
		open = append(open, func() (device.Watchdog, error) { return openSystemd(getenv) })
	}
	if len(open) == 0 {
		return nil
	}
	return func() (device.Watchdog, error) {
		var dogs watchdogs
		for _, o := range open {
			dog, err := o()
			if err != nil {
				if len(dogs) > 0 {
					err = errors.Join(err, dogs.Disarm())
				}
				return nil, cli.Fail(cli.Config, err)
			}
			dogs = append(dogs, dog)
		}
		return dogs, nil
	}
}

// urls reads the pools' URLs.
func (c *config) urls() ([]noise.URL, error) {
	if len(c.Pools) == 0 {
		return nil, cli.Failf(cli.Usage, "no pool: add -pool stratum2+tcp://host:port/KEY (lode-miner -h has examples)")
	}
	urls := make([]noise.URL, len(c.Pools))
	for i, text := range c.Pools {
		u, err := noise.ParseURL(text)
		switch {
		case err != nil:
			return nil, cli.Fail(cli.Config, err)
		case u.Protocol != noise.Sv2:
			return nil, cli.Failf(cli.Config, "pool %s: this is a Stratum V1 address; lode-miner speaks Stratum V2: stratum2+tcp://host:port/KEY", text)
		case !u.HasKey && !c.Plain:
			return nil, cli.Failf(cli.Config, "pool %s: the key is missing, so nobody could tell who answers: add it, as in stratum2+tcp://%s/KEY, or allow unencrypted connections with -plain", text, u.Address())
		}
		urls[i] = u
	}
	return urls, nil
}

// client is the configuration of the pool's client.
func (c *config) client(log *slog.Logger, k *keeper) (sv2client.Config, error) {
	urls, err := c.urls()
	if err != nil {
		return sv2client.Config{}, err
	}
	if len(c.Users) == 0 || strings.TrimSpace(c.Users[0]) == "" {
		return sv2client.Config{}, cli.Failf(cli.Usage, "no user: add -user NAME, your account at the pool, often ACCOUNT.WORKER or a Bitcoin address")
	}
	if len(c.Users) > len(urls) {
		return sv2client.Config{}, cli.Failf(cli.Config, "%d users for %d pools: give one -user for all, or one for each -pool", len(c.Users), len(urls))
	}
	build := cli.ReadBuild()
	return sv2client.Config{
		Pools: urls, User: c.Users[0], Users: c.Users,
		Vendor: "lode", Firmware: "lode-miner " + build.Version, DeviceID: c.DeviceID,
		Dial: c.dialer(noise.Clock{Built: build.Time, Saved: k.saved, Strict: c.StrictClock}, log),
		// The keeper may be told more often than it writes.
		SeenTime: k.see,
		Log:      log,
	}, nil
}

// dialer connects with Noise, and without only where -plain allows it and the URL
// has no key.
func (c *config) dialer(clock noise.Clock, log *slog.Logger) func(context.Context, noise.URL) (*sv2net.Conn, error) {
	plain := c.Plain
	return func(ctx context.Context, u noise.URL) (*sv2net.Conn, error) {
		return sv2net.Dial(ctx, u, sv2net.DialConfig{
			Config: sv2net.Config{Log: log},
			Plain:  plain && !u.HasKey, Clock: clock,
		})
	}
}
