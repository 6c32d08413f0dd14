package pid1

import (
	"context"
	"path"
	"time"

	"github.com/beevik/ntp"
)

// How often other clocks are asked.
const (
	askAgain  = 2 * time.Minute // who did not answer
	askSeldom = 6 * time.Hour
	ntpWithin = 5 * time.Second
	farMove   = time.Hour
)

// keepTime asks NTP servers for the time, once the network is up: those of the user,
// else those of DHCP, else the public pool. NTP can be forged: see plausible; and who
// moved the clock far is asked again soon, so that one lie does not last.
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
			if answered, moved := m.ask(server); answered {
				if moved < farMove {
					pause = askSeldom
				}
				break
			}
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// ask sets the clock by one server, if that answers sensibly, and says how far.
func (m *machine) ask(server string) (answered bool, moved time.Duration) {
	answer, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: ntpWithin})
	if err != nil || answer.Validate() != nil {
		return false, 0
	}
	now := time.Now().Add(answer.ClockOffset)
	if !plausible(now, time.Unix(m.device.Built, 0), readClock(path.Join(m.data, "clock"))) {
		m.say("clock: %s tells %s, which cannot be", server, now.UTC().Format(time.DateTime))
		return false, 0
	}
	if moved = answer.ClockOffset.Abs(); moved < clockSlack/10 {
		return true, moved
	}
	err = setTime(now)
	m.did("clock", now.UTC().Format(time.DateTime)+", by NTP from "+server, err)
	return err == nil, moved
}
