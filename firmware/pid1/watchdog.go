package pid1

import (
	"sync"
	"time"

	"github.com/lodefw/lode/device"
)

// How long the steps before the miner may take, all together; and for how long the
// hardware waits if it can be told.
const (
	startWithin    = 3 * time.Minute
	watchdogSpares = time.Minute
)

// guardStart feeds the watchdog while the system starts, until end, which gives it to
// the miner. A step that hangs - a card, a driver - ends in a reboot, and an image on
// trial so in the one before.
func guardStart(dog device.Watchdog) (end func() error) {
	stop := make(chan struct{})
	var feeder sync.WaitGroup
	feeder.Go(func() {
		tick := time.NewTicker(dog.Timeout() / 4)
		defer tick.Stop()
		late := time.NewTimer(startWithin)
		defer late.Stop()
		for {
			select {
			case <-stop:
				return
			case <-late.C:
				return
			case <-tick.C:
			}
			if dog.Feed() != nil {
				return
			}
		}
	})
	return func() error {
		close(stop)
		feeder.Wait()
		return dog.Disarm()
	}
}
