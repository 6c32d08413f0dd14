package pid1

import (
	"context"
	"time"

	"github.com/beevik/ntp"
)

// How often other clocks are asked.
const (
	askAgain  = 2 * time.Minute // who did not answer
	askSeldom = 6 * time.Hour
	ntpWithin = 5 * time.Second
)

// keepTime asks NTP servers for the time, once the network is up: those of the user,
// else those of DHCP, else the public pool. NTP can be forged, so the clock never
// goes back behind what this image and the last run know.
func (m *machine) keepTime(ctx context.Context, up <-chan struct{}, servers []string) {
	select {
	case <-ctx.Done():
		return
	case <-up:
	}
	for {
		list := servers
		if len(list) == 0 {
			list = m.net.servers()
		}
		if len(list) == 0 {
			list = []string{"pool.ntp.org"}
		}
		pause := askAgain
		for _, server := range list {
			if m.ask(server) {
				pause = askSeldom
				break
			}
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// ask sets the clock by one server, if that answers sensibly.
func (m *machine) ask(server string) bool {
	answer, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: ntpWithin})
	if err != nil || answer.Validate() != nil {
		return false
	}
	now := time.Now().Add(answer.ClockOffset)
	if now.Unix() < m.device.Built {
		return false
	}
	if max(answer.ClockOffset, -answer.ClockOffset) < clockSlack/10 {
		return true
	}
	err = setTime(now)
	m.did("clock", now.UTC().Format(time.DateTime)+", by NTP from "+server, err)
	return err == nil
}
