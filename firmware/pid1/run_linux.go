package pid1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
	"github.com/lodefw/lode/internal/cli"
)

// Places in the running system.
const (
	bootDir = "/boot" // the card's first partition, read only
	dataDir = "/data" // what the board may keep
)

// Wanted says whether this process is to be a board's first: it has that number, and
// the image tells which board it is. A container's first process has no such file.
func Wanted() bool {
	if os.Getpid() != 1 {
		return false
	}
	_, err := os.Stat(recipe.DevicePath)
	return err == nil
}

// machine is the board while it runs.
type machine struct {
	*console
	device *recipe.Device
	data   string     // where files may be kept
	user   []byte     // the user's configuration
	slot   slot.Name  // that runs; empty: there are none
	card   *slot.Card // nil: none
	parts  *card      // of it
	end    context.CancelCauseFunc
	handOn func() error  // gives the watchdog to the miner
	random chan struct{} // closed when the kernel's random numbers are good
	good   chan struct{} // closed by prove when the image has proved itself
	prove  func()
	net    network
	log    *tail
	pid    atomic.Int64 // of the miner
}

// Main runs the board until it is turned off or rebooted. It does not return.
func Main() {
	m := &machine{console: newConsole(os.Stdout), data: runDir, log: &tail{max: 64 << 10}, random: make(chan struct{}), good: make(chan struct{})}
	m.console.began = time.Now().Add(-sinceBoot())
	m.net.random = m.random
	var ctx context.Context
	ctx, m.end = context.WithCancelCause(context.Background())
	m.prove = sync.OnceFunc(func() { close(m.good) })
	go m.listen()
	m.start()
	m.mine(ctx)
	m.leave(context.Cause(ctx))
}

var (
	errReboot = errors.New("reboot")
	errHalt   = errors.New("power off")
)

// listen takes the signals that end a system: those of busybox's and systemd's tools,
// and of ctrl-alt-del.
func (m *machine) listen() {
	unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, unix.SIGINT, unix.SIGTERM, unix.SIGPWR, unix.SIGUSR1, unix.SIGUSR2)
	for s := range ch {
		why := errReboot
		if s == unix.SIGPWR || s == unix.SIGUSR1 || s == unix.SIGUSR2 {
			why = errHalt
		}
		m.say("%v: the miner stops first", why)
		m.end(why)
	}
}

// start is everything before the network. Each step says what came of it.
func (m *machine) start() {
	m.did("mounts", "", mountAll())
	m.load()
	go m.entropy()
	result, err := loadAll(recipe.ModulesDir, m.device.Modules, loadModule)
	m.did("modules", result, err)
	m.watchdog()
	result, err = m.partitions()
	m.did("data", result, err)
	m.did("seed", "", mixSeed(path.Join(m.data, "seed")))
	m.slots()
}

// entropy waits for random numbers, for seconds on most boards. All else goes on: who
// needs some waits too.
func (m *machine) entropy() {
	defer close(m.random)
	result, err := gatherEntropy()
	m.did("entropy", result, err)
}

// watchdog begins to feed the hardware's, if the board has one.
func (m *machine) watchdog() {
	m.handOn = func() error { return nil }
	if m.device.Watchdog == "" {
		return
	}
	dog, err := device.OpenWatchdog(m.device.Watchdog, watchdogSpares)
	if err != nil {
		m.did("watchdog", "", err)
		return
	}
	m.handOn = guardStart(dog)
}

// load reads what the image says of the board.
func (m *machine) load() {
	text, err := os.ReadFile(recipe.DevicePath)
	if err == nil {
		m.device, err = recipe.ParseDevice(text)
	}
	if err != nil {
		m.device = &recipe.Device{Board: "unknown", Network: "eth0"}
	}
	for _, arg := range strings.Fields(string(readOrNothing("/proc/cmdline"))) {
		if name, ok := strings.CutPrefix(arg, recipe.SlotArg+"="); ok {
			m.slot = slot.Name(name)
		}
	}
	what := fmt.Sprintf("%s %v", m.device.Board, m.device.Version)
	if m.slot != "" {
		what += ", slot " + string(m.slot)
	}
	m.did("board", what, err)
}

// setClock moves the clock to the pool's time that the miner has saved, if it is behind.
// When the image was built and when it ran last do not move it: a clock that looks set,
// and is not, would make the miner refuse a pool whose certificate is younger. The miner
// knows both, and takes a clock in 1970 for what it is.
func (m *machine) setClock() {
	if t := readClock(path.Join(m.data, "clock")); behind(time.Now(), t) {
		m.did("clock", t.UTC().Format(time.DateTime)+", told by the pool", setTime(t))
	}
}

// mine brings the network up and keeps the miner running until ctx ends.
func (m *machine) mine(ctx context.Context) {
	m.user = m.userConfig()
	s, err := configure(m.user, m.device, m.data)
	if err != nil {
		m.say("configuration: %v; the board's own is used", err)
		if s, err = configure(nil, m.device, m.data); err != nil {
			m.say("configuration: %v", err)
		}
	}
	m.did("configuration", "", os.WriteFile(minerConfig, s.miner, 0o600))
	if address, ok := os.LookupEnv("LODE_MINER_STATUS"); ok { // of the kernel's command line
		s.status = address
	}
	var parts sync.WaitGroup
	defer func() { waitWithin(partsWithin, done(&parts)) }()
	part := func(name string, f func()) {
		parts.Go(func() {
			for panics(name, m.console, f) && sleep(ctx, maxBackOff) {
				continue // it begins again
			}
		})
	}
	up := make(chan struct{})
	told := sync.OnceFunc(func() { close(up) })
	part("network", func() { m.net.run(ctx, m.console, s.network, told) })
	part("clock", func() { m.keepTime(ctx, up, s.network.NTP) })
	part("seed", func() {
		if wait(ctx, m.random) {
			m.did("seed", "", saveSeed(path.Join(m.data, "seed")))
		}
	})
	part("status", func() { m.watch(ctx, s.status) })
	part("slot", func() {
		(&trial{card: m.card, lasts: s.update.Trial}).run(ctx, m.good, m.console, func() { m.end(errReboot) })
	})
	part("update", func() { m.updates(ctx) })
	m.did("watchdog", "", m.handOn())
	m.say("miner: starts")
	supervise(ctx, &process{log: m.log, pid: &m.pid, up: up}, m.console, m.complain)
}

// partsWithin is how long the end waits for the network's parts, such as a question
// to a name server. An update that is being written may be cut: slots are made for it.
const partsWithin = 10 * time.Second

func done(parts *sync.WaitGroup) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		defer close(ch)
		parts.Wait()
	}()
	return ch
}

// wait returns false when ctx ended first.
func wait(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-done:
		return true
	}
}

// waitWithin waits for done, but no longer than limit.
func waitWithin(limit time.Duration, done <-chan struct{}) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	wait(ctx, done)
}

// complain shows the end of the log of a miner that has ended.
func (m *machine) complain() {
	for _, line := range m.log.lines(5) {
		m.say("  %s", line)
	}
}

// userConfig is the file on the card, or the one that was built in.
func (m *machine) userConfig() []byte {
	if text, err := os.ReadFile(path.Join(bootDir, recipe.CardConfig)); err == nil {
		return text
	}
	return readOrNothing(recipe.ConfigPath)
}

func readOrNothing(name string) []byte {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return text
}

// watch follows the miner's status: for the console, and for the clock.
func (m *machine) watch(ctx context.Context, address string) {
	n := &narrator{console: m.console}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var s status
		if text, err := cli.FetchStatus(ctx, address); err != nil || json.Unmarshal(text, &s) != nil {
			continue // it may be starting
		}
		if n.hear(&s, time.Now()) {
			m.say("memory: miner %s, first process %s, free %s", resident(fmt.Sprint(m.pid.Load())), resident("self"), freeMemory())
			m.setClock()
			m.prove()
			tick.Reset(5 * time.Second)
		}
	}
}

// slots finds the card's slots.
func (m *machine) slots() {
	if len(m.device.Slots) != 2 || !m.slot.Valid() {
		return
	}
	m.parts = &card{slots: map[slot.Name]string{slot.A: m.device.Slots[0], slot.B: m.device.Slots[1]}, data: m.data}
	m.card = &slot.Card{Running: m.slot, Disk: m.parts}
}

// install puts an update into the slot that does not run.
func (m *machine) install(r io.Reader) (*update.Manifest, error) {
	keys, err := update.ParsePublicKeys(readOrNothing(recipe.KeysPath))
	if err != nil {
		return nil, err
	}
	return m.card.Install(r, slot.Device{Board: m.device.Board, Version: m.device.Version, Keys: keys, Release: m.device.Release})
}

// BundleOnCard is where a user puts an update by hand: in the card's first partition.
const BundleOnCard = "update.tar"

// updates takes an update from the card, or else waits for one by the network.
func (m *machine) updates(ctx context.Context) {
	if m.card == nil {
		return
	}
	reboot := func() { m.end(errReboot) }
	if b, err := m.card.Disk.Read(slot.Boot, BundleOnCard); err == nil {
		// It is taken away first, so that it cannot be taken twice.
		err := m.parts.removeUpdate()
		var got *update.Manifest
		if err == nil {
			got, err = m.install(bytes.NewReader(b))
		}
		if err == nil {
			m.say("update: %v from the card is in the other slot", got.Version)
			reboot()
			return
		}
		m.say("update: from the card: %v", err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", UpdatePort))
	if err != nil {
		m.say("update: %v", err)
		return
	}
	if serveUpdates(ctx, l, m.install, m.console) {
		reboot()
	}
}

// leave ends the system. Should it hang on the way to a reboot, for a card that does
// not answer, then the watchdog, which nobody feeds, makes the reboot.
func (m *machine) leave(why error) {
	if m.device.Watchdog != "" && errors.Is(why, errReboot) {
		_, err := device.OpenWatchdog(m.device.Watchdog, watchdogSpares)
		m.did("watchdog", "", err)
	}
	m.did("seed", "", saveSeed(path.Join(m.data, "seed")))
	m.did("mounts", "", unmountAll())
	m.say("%v now", why)
	unix.Sync()
	command := unix.LINUX_REBOOT_CMD_RESTART
	if errors.Is(why, errHalt) {
		command = unix.LINUX_REBOOT_CMD_POWER_OFF
	}
	err := unix.Reboot(command)
	m.say("the kernel refuses: %v", err)
	select {}
}
