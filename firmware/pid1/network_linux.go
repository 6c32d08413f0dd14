package pid1

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// A network brings one interface up and keeps it up.
type network struct {
	random <-chan struct{} // closed when there are random numbers

	mu  sync.Mutex
	ntp []string // servers that DHCP has named
}

// address is what an interface gets.
type address struct {
	prefix  netip.Prefix
	gateway netip.Addr
	dns     []string
}

func (a address) String() string {
	text := a.prefix.String()
	if a.gateway.IsValid() {
		text += " by way of " + a.gateway.String()
	}
	return text
}

// run is over when ctx is. up is called each time that the interface has an address.
func (n *network) run(ctx context.Context, c *console, cfg Network, up func()) {
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, maxBackOff) {
		err := n.once(ctx, c, cfg, up)
		if ctx.Err() != nil || err == nil {
			return
		}
		c.did("network", "", err)
		sleep(ctx, pause)
	}
}

// once brings the interface up. A static address is set once and for all; one by
// DHCP is kept until that fails.
func (n *network) once(ctx context.Context, c *console, cfg Network, up func()) error {
	name, err := findInterface(ctx, cfg.Interface)
	if err == nil {
		err = errors.Join(linkUp("lo"), linkUp(name))
	}
	if err != nil {
		return err
	}
	if cfg.Address == "" {
		// Its questions have random numbers, and would wait for them at full load.
		if !wait(ctx, n.random) {
			return ctx.Err()
		}
		return n.lease(ctx, c, name, up)
	}
	a := cfg.static()
	if err := apply(name, a); err != nil {
		return err
	}
	c.say("network: %s has %v, as configured", name, a)
	up()
	return nil
}

// static is the address that the user has given.
func (n Network) static() (a address) {
	a.prefix, _ = netip.ParsePrefix(n.Address) // checked
	a.gateway, _ = netip.ParseAddr(n.Gateway)
	a.dns = n.DNS
	return a
}

// lease takes an address by DHCP and renews it, until that fails.
func (n *network) lease(ctx context.Context, c *console, name string, up func()) error {
	client, err := nclient4.New(name, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(4))
	if err != nil {
		return err
	}
	defer client.Close()
	lease, err := client.Request(ctx)
	for err == nil {
		a := fromLease(lease.ACK)
		if err := apply(name, a); err != nil {
			return err
		}
		n.mu.Lock()
		n.ntp = texts(lease.ACK.NTPServers())
		n.mu.Unlock()
		c.say("network: %s has %v, by DHCP", name, a)
		up()
		half := lease.ACK.IPAddressLeaseTime(time.Hour) / 2
		if !sleep(ctx, max(half, time.Minute)) {
			return ctx.Err()
		}
		lease, err = client.Renew(ctx, lease)
		if err != nil && ctx.Err() == nil { // the server is another one, or new
			lease, err = client.Request(ctx)
		}
	}
	return fmt.Errorf("no answer by DHCP on %s: is the cable in? %w", name, err)
}

func fromLease(ack *dhcpv4.DHCPv4) (a address) {
	ip, _ := netip.AddrFromSlice(ack.YourIPAddr.To4()) // none is refused by apply
	ones, bits := ack.SubnetMask().Size()
	if bits == 0 {
		ones = 24
	}
	a.prefix = netip.PrefixFrom(ip, ones)
	if routers := ack.Router(); len(routers) > 0 {
		a.gateway, _ = netip.AddrFromSlice(routers[0].To4())
	}
	a.dns = texts(ack.DNS())
	return a
}

func texts(list []net.IP) (t []string) {
	for _, ip := range list {
		t = append(t, ip.String())
	}
	return t
}

// servers are the NTP servers that DHCP has named.
func (n *network) servers() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ntp
}

// interfaceWithin is how long the board's interface is waited for, before another one
// will do.
const interfaceWithin = 20 * time.Second

// findInterface waits for the board's interface; if it has another one only, that.
func findInterface(ctx context.Context, name string) (string, error) {
	for end := time.Now().Add(interfaceWithin); ; {
		if _, err := net.InterfaceByName(name); err == nil {
			return name, nil
		}
		if time.Now().After(end) || !sleep(ctx, 50*time.Millisecond) {
			break
		}
	}
	list, err := net.Interfaces()
	for _, i := range list {
		if i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) == 6 {
			return i.Name, nil
		}
	}
	return "", errors.Join(fmt.Errorf("there is no interface %s, nor another one: is its driver in the image?", name), err)
}

// dial is the way to change an interface.
func dial(name string) (c *rtnetlink.Conn, index uint32, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, 0, err
	}
	c, err = rtnetlink.Dial(nil)
	return c, uint32(i.Index), err
}

func linkUp(name string) error {
	c, index, err := dial(name)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Link.Set(&rtnetlink.LinkMessage{Index: index, Flags: unix.IFF_UP, Change: unix.IFF_UP})
}

// apply gives an interface its address, the way out, and the name servers.
func apply(name string, a address) error {
	if !a.prefix.IsValid() || a.prefix.Addr().IsUnspecified() {
		return fmt.Errorf("%v is no address", a.prefix)
	}
	c, index, err := dial(name)
	if err != nil {
		return err
	}
	defer c.Close()
	ip := net.IP(a.prefix.Addr().AsSlice())
	err = c.Address.New(&rtnetlink.AddressMessage{
		Family: unix.AF_INET, PrefixLength: uint8(a.prefix.Bits()), Scope: unix.RT_SCOPE_UNIVERSE, Index: index,
		Attributes: &rtnetlink.AddressAttributes{Address: ip, Local: ip},
	})
	if err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("address %v: %w", a.prefix, err)
	}
	if err := removeOthers(c, index, ip); err != nil {
		return fmt.Errorf("old address: %w", err)
	}
	if a.gateway.IsValid() {
		err := c.Route.Replace(&rtnetlink.RouteMessage{
			Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_DHCP,
			Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
			Attributes: rtnetlink.RouteAttributes{Gateway: a.gateway.AsSlice(), OutIface: index},
		})
		if err != nil {
			return fmt.Errorf("route by way of %v: %w", a.gateway, err)
		}
	}
	if len(a.dns) == 0 {
		return nil
	}
	return os.WriteFile("/etc/resolv.conf", resolvConf(a.dns), 0o644)
}

// removeOthers takes addresses away that an earlier lease gave: connections must not
// come from them.
func removeOthers(c *rtnetlink.Conn, index uint32, keep net.IP) error {
	list, err := c.Address.List()
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Family != unix.AF_INET || a.Index != index || a.Attributes == nil || a.Attributes.Address.Equal(keep) {
			continue
		}
		if e := c.Address.Delete(&a); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}
