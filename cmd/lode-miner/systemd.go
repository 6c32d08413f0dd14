package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/lodefw/lode/device"
)

// systemd supervises a unit of Type=notify (sd_notify(3)): it is told when the miner
// is ready, and with WatchdogSec= restarts one that does not tell that it is well.
type systemd struct {
	conn    net.Conn
	timeout time.Duration
}

// openSystemd is for programs that have NOTIFY_SOCKET: it says that this one is ready.
func openSystemd(getenv func(string) (string, bool)) (device.Watchdog, error) {
	socket, _ := getenv("NOTIFY_SOCKET")
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return nil, fmt.Errorf("systemd: %w", err)
	}
	s := &systemd{conn: conn, timeout: time.Minute} // without WatchdogSec= nobody waits for us
	usec, _ := getenv("WATCHDOG_USEC")
	pid, forPID := getenv("WATCHDOG_PID")
	if n, err := strconv.ParseInt(usec, 10, 64); err == nil && n > 0 && (!forPID || pid == strconv.Itoa(os.Getpid())) {
		s.timeout = time.Duration(n) * time.Microsecond
	}
	if err := s.tell("READY=1"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (s *systemd) tell(state string) error {
	if _, err := s.conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}

// Feed tells that the miner is well.
func (s *systemd) Feed() error { return s.tell("WATCHDOG=1") }

// Timeout is half of WatchdogSec=, as sd_watchdog_enabled(3) advises.
func (s *systemd) Timeout() time.Duration { return s.timeout / 2 }

// Disarm tells that the miner ends on purpose.
func (s *systemd) Disarm() error { return errors.Join(s.tell("STOPPING=1"), s.conn.Close()) }

// watchdogs are several that are fed together.
type watchdogs []device.Watchdog

// Feed feeds all of them, whatever one says.
func (w watchdogs) Feed() (err error) {
	for _, dog := range w {
		err = errors.Join(err, dog.Feed())
	}
	return err
}

// Timeout is that of the least patient.
func (w watchdogs) Timeout() time.Duration {
	t := w[0].Timeout()
	for _, dog := range w[1:] {
		t = min(t, dog.Timeout())
	}
	return t
}

// Disarm stops all of them.
func (w watchdogs) Disarm() (err error) {
	for _, dog := range w {
		err = errors.Join(err, dog.Disarm())
	}
	return err
}
