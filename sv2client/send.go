package sv2client

import (
	"context"
	"errors"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// dial connects and does the handshake.
func (s *session) dial() (*sv2net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.c.cfg.Limits.Connect)
	defer cancel()
	conn, err := s.c.cfg.Dial(ctx, s.url)
	if err != nil {
		return nil, &Fault{dialKind(err), err}
	}
	s.proof.Store(conn.Secure() && s.url.HasKey)
	return conn, nil
}

// dialKind sorts what Dial fails with.
func dialKind(err error) Kind {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(noise.ErrWrongKey, sv2net.ErrNoKey):
		return WrongKey
	case is(noise.ErrExpired, noise.ErrNotYetValid, noise.ErrVersion, noise.ErrClock):
		return BadCertificate
	case is(noise.ErrDecrypt, noise.ErrLength, sv2net.ErrSlow, sv2net.ErrBlocked, sv2net.ErrHangup,
		sv2net.ErrSv1, sv2net.ErrTLS, sv2net.ErrHTTP, sv2net.ErrPlain, sv2net.ErrNoise):
		return Handshake
	}
	return Unreachable
}

func (s *session) send(m sv2.Message) error {
	if err := s.conn.Send(m); err != nil {
		return &Fault{Disconnected, err}
	}
	return nil
}

// sendSetup begins the conversation (3.6.1).
func (s *session) sendSetup() error {
	cfg := &s.c.cfg
	flags := mining.FlagRequiresStandardJobs
	if s.rolling {
		flags |= mining.FlagRequiresVersionRolling
	}
	s.mu.Lock()
	s.enter(SettingUp, time.Now(), cfg.Limits.Setup)
	s.mu.Unlock()
	return s.send(&sv2.SetupConnection{
		Protocol: sv2.ProtocolMining, MinVersion: sv2.Version, MaxVersion: sv2.Version, Flags: flags,
		EndpointHost: s.url.Host, EndpointPort: s.url.Port,
		Vendor: cfg.Vendor, HardwareVersion: cfg.Hardware, Firmware: cfg.Firmware, DeviceID: cfg.DeviceID,
	})
}

// loop sends what is due until the session ends.
func (s *session) loop() error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if m := s.nextOpen(time.Now()); m != nil {
			if err := s.send(m); err != nil {
				return err
			}
		}
		if err := s.sendShares(); err != nil {
			return err
		}
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-s.queue.wake:
		case <-ticker.C:
			if err := s.watch(time.Now()); err != nil {
				return err
			}
		}
	}
}

// sendShares empties the queue.
func (s *session) sendShares() error {
	var x channel.Share
	for s.queue.pop(&x) {
		m, cause := s.sequence(&x)
		if m == nil {
			s.c.tally.count(s.p, &x, channel.Lost, cause)
			continue
		}
		if err := s.conn.Send(m); err != nil {
			return &Fault{Disconnected, err}
		}
	}
	return nil
}

// sequence gives a share its message, or the cause why it has none.
func (s *session) sequence(x *channel.Share) (m *mining.SubmitSharesStandard, cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.owner(x.Job)
	if sl == nil {
		return nil, lostStale
	}
	if sl.channel.Stats().Pending == 0 {
		sl.answered = time.Now()
	}
	m, err := sl.channel.Submit(*x)
	switch {
	case err == nil:
		if j := sl.channel.Job(x.Job); s.solves(j.NBits, x.Hash) {
			s.c.tally.block()
			s.log.Info("found a block", "hash", x.Hash.String(), "job", j.ID)
		}
		return m, ""
	case errors.Is(err, channel.ErrShare):
		s.log.Warn("share not sent", "err", err)
		return nil, lostLimits
	}
	return nil, lostStale
}

// solves says whether a hash is good enough for the chain. A share without its hash
// is none. The target is worked out once for each nbits.
func (s *session) solves(nbits uint32, h bitcoin.Hash) bool {
	if nbits != s.nbits {
		s.nbits = nbits
		s.network, _ = bitcoin.CompactTarget(nbits) // zero if invalid: nothing meets that
	}
	return h != (bitcoin.Hash{}) && s.network.MetBy(h)
}

// sayFarewell closes the channels if the connection still takes it; closer ends a
// connection that does not.
func (s *session) sayFarewell() {
	var farewells []sv2.Message
	s.mu.Lock()
	for _, sl := range s.slots {
		if sl.channel != nil {
			farewells = append(farewells, &mining.CloseChannel{ChannelID: sl.channel.ChannelID(), ReasonCode: "client-leaves"})
		}
	}
	s.mu.Unlock()
	if len(farewells) == 0 {
		return
	}
	if err := s.conn.SendAll(farewells...); err != nil {
		s.log.Debug("no farewell", "err", err)
	}
}
