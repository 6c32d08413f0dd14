package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/lodefw/lode/firmware/recipe"
)

// Network is the user's table [network]. Without an address the board asks by DHCP.
type Network struct {
	Interface string   `toml:"interface"` // empty: the board's
	Address   string   `toml:"address"`   // as in 192.168.1.5/24
	Gateway   string   `toml:"gateway"`
	DNS       []string `toml:"dns"`
	NTP       []string `toml:"ntp"` // servers to ask for the time; empty: those of DHCP, then pool.ntp.org
}

// check refuses addresses that are none.
func (n *Network) check() error {
	if n.Address == "" {
		return nil
	}
	if _, err := netip.ParsePrefix(n.Address); err != nil {
		return fmt.Errorf("network.address %q: want one as in 192.168.1.5/24", n.Address)
	}
	for _, a := range append([]string{n.Gateway}, n.DNS...) {
		if _, err := netip.ParseAddr(a); a != "" && err != nil {
			return fmt.Errorf("network: %q is no address", a)
		}
	}
	return nil
}

// Update is the user's table [update].
type Update struct {
	// Trial is how long a new image has for its first accepted share, before the
	// board starts again.
	Trial time.Duration `toml:"trial"`
}

// A trial shorter than minTrial no image would pass; one longer than maxTrial would
// leave a board without work for days.
const (
	minTrial = 30 * time.Second
	maxTrial = 24 * time.Hour
)

// check refuses times that make no sense.
func (u *Update) check() error {
	if u.Trial < minTrial || u.Trial > maxTrial {
		return fmt.Errorf("update.trial is %v: want a time as in \"15m\", at least %v and at most %v", u.Trial, minTrial, maxTrial)
	}
	return nil
}

// Places of what the miner is run with.
const (
	runDir      = "/run/lode"
	minerConfig = "/run/lode/lode.toml"
	statusPath  = "unix:/run/lode/status"
)

// settings is the user's configuration in two: what is the miner's, completed, and
// what is ours.
type settings struct {
	miner   []byte // TOML
	network Network
	update  Update
	status  string // address of the miner's status
}

// configure reads the user's file, which may be empty. data is where the board may
// keep files.
func configure(user []byte, d *recipe.Device, data string) (settings, error) {
	s := settings{network: Network{Interface: d.Network}, update: Update{Trial: trialFor}}
	all := make(map[string]any)
	if _, err := toml.Decode(string(user), &all); err != nil {
		return s, err
	}
	for name, into := range map[string]any{"network": &s.network, "update": &s.update} {
		if table, ok := all[name]; ok {
			if err := retype(table, into); err != nil {
				return s, fmt.Errorf("%s: %w", name, err)
			}
			delete(all, name)
		}
	}
	if err := errors.Join(s.network.check(), s.update.check()); err != nil {
		return s, err
	}
	for key, value := range map[string]string{
		"status": statusPath, "board": d.Mine, "watchdog": d.Watchdog,
		"clock-file": data + "/clock", "profile": data + "/profile.json", "device-id": d.Board,
	} {
		if _, given := all[key]; !given && value != "" {
			all[key] = value
		}
	}
	s.status, _ = all["status"].(string)
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(all); err != nil {
		return s, err
	}
	s.miner = b.Bytes()
	return s, nil
}

// CheckConfig says whether a user's configuration can be read, before it goes into an
// image. The miner's own keys are its affair.
func CheckConfig(user []byte) error {
	_, err := configure(user, &recipe.Device{}, runDir)
	return err
}

// retype reads a decoded table into a struct, and refuses keys that it has not.
func retype(table, into any) error {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(table); err != nil {
		return err
	}
	meta, err := toml.Decode(b.String(), into)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("unknown key %q", meta.Undecoded()[0])
	}
	return err
}

// resolvConf is /etc/resolv.conf.
func resolvConf(servers []string) []byte {
	var b bytes.Buffer
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return b.Bytes()
}
