package pool

import (
	"math"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// openStandard opens a channel: Success, a future job, and the tip that starts it,
// in one write (5.3.3).
func (p *peer) openStandard(f sv2.Frame) error {
	var m mining.OpenStandardMiningChannel
	if err := p.decode(f, &m); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := p.mayOpen(&m)
	var prefix []byte
	if code == "" {
		var err error
		if prefix, err = p.pool.prefixes.Allocate(); err != nil {
			p.log.Error("cannot open a channel", "err", err)
			code = codeTooManyDevices
		}
	}
	if code != "" {
		p.log.Info("channel refused", "user", printable(m.UserIdentity), "code", code)
		return p.conn.Send(&mining.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: code})
	}
	s, err := p.newStandard(&m, prefix, time.Now())
	if err != nil {
		p.pool.prefixes.Free(prefix) //nolint:errcheck // allocated above
		return err
	}
	p.channels = append(p.channels, s)
	p.lonely = time.Time{}
	p.pool.channels.Add(1)
	p.log.Info("channel opened", "channel", s.ChannelID(), "user", s.user, "difficulty", s.Target().Difficulty())
	out, err := s.tellTip([]sv2.Message{&mining.OpenStandardMiningChannelSuccess{
		RequestID: m.RequestID, ChannelID: s.ChannelID(),
		Target: sv2.U256(s.Target()), ExtranoncePrefix: prefix,
	}}, p.pool.work.Load())
	if err != nil {
		return err
	}
	p.lookIn(s.check)
	return p.conn.SendAll(out...)
}

// mayOpen is the code of what speaks against it, "" if nothing does. mu is held.
func (p *peer) mayOpen(m *mining.OpenStandardMiningChannel) string {
	switch {
	case p.flags&mining.FlagRequiresWorkSelection != 0:
		return mining.CodeStandardChannelsNotSupportedForCustomWork
	case !m.NominalHashRate.Valid():
		return mining.CodeInvalidNominalHashrate
	case m.MaxTarget == sv2.U256{}:
		return mining.CodeMaxTargetOutOfRange
	case len(p.channels) >= p.pool.cfg.Limits.Channels, p.lastID == math.MaxUint32: // numbers are not used again
		return codeTooManyChannels
	}
	return ""
}

// newStandard makes the channel. mu is held.
func (p *peer) newStandard(m *mining.OpenStandardMiningChannel, prefix []byte, now time.Time) (*standard, error) {
	cfg := &p.pool.cfg
	vardiff := channel.NewVardiff(channel.VardiffConfig{
		SharesPerMinute: cfg.SharesPerMinute,
		Nominal:         float64(m.NominalHashRate),
		MaxTarget:       bitcoin.Target(m.MaxTarget),
	}, now)
	mask := mining.VersionMask
	if cfg.FixedVersion {
		mask = 0
	}
	server, err := channel.NewServer(channel.Grant{
		ChannelID: p.lastID + 1, Target: p.pool.work.Load().ease(vardiff.Target()), MaxTarget: bitcoin.Target(m.MaxTarget),
		ExtranoncePrefix: prefix, VersionMask: mask,
	})
	if err != nil {
		return nil, err
	}
	p.lastID++
	return &standard{
		Server: server, user: printable(m.UserIdentity), vardiff: vardiff, opened: now, since: now, check: now.Add(vardiffEvery(0)),
		batch: channel.Batch{ChannelID: p.lastID, Count: uint32(cfg.Batch), Wait: cfg.BatchDelay},
	}, nil
}

// openExtended refuses: extended channels are not served yet.
func (p *peer) openExtended(f sv2.Frame) error {
	var m mining.OpenExtendedMiningChannel
	if err := p.decode(f, &m); err != nil {
		return err
	}
	code := codeNoExtended
	switch {
	case p.flags&mining.FlagRequiresStandardJobs != 0:
		code = mining.CodeExtendedChannelsNotSupportedForStandardJobs
	case !m.NominalHashRate.Valid():
		code = mining.CodeInvalidNominalHashrate
	}
	p.log.Info("extended channel refused; set the device's channel type to standard", "user", printable(m.UserIdentity), "code", code)
	return p.conn.Send(&mining.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: code})
}
