package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
)

// Codes of our own; the spec fixes none, and clients only log them.
const (
	codeNoExtended      = "extended-channels-not-supported"
	codeTooManyChannels = "too-many-channels"
	codeTooManyDevices  = "too-many-devices"
)

// handle obeys one frame of a device that is set up. An error ends the connection.
func (p *peer) handle(f sv2.Frame) error {
	if f.Type.Extension() != 0 {
		return p.extension(f)
	}
	switch f.Type.Plain() {
	case mining.TypeSubmitSharesStandard.Plain():
		return p.submitStandard(f)
	case mining.TypeSubmitSharesExtended.Plain():
		return p.submitExtended(f)
	case mining.TypeOpenStandardMiningChannel.Plain():
		return p.openStandard(f)
	case mining.TypeOpenExtendedMiningChannel.Plain():
		return p.openExtended(f)
	case mining.TypeUpdateChannel.Plain():
		return p.updateChannel(f)
	case mining.TypeCloseChannel.Plain():
		return p.closeChannel(f)
	case mining.TypeSetCustomMiningJob.Plain():
		return p.customJob(f)
	}
	return fmt.Errorf("%w: message %#x has no place here", errProtocol, uint32(f.Type))
}

// extension answers the negotiation. Messages of extensions that we do not speak
// are skipped, on channels too: we are the end of every channel (3.4).
func (p *peer) extension(f sv2.Frame) error {
	if f.Type.Plain() != extension.TypeRequestExtensions.Plain() {
		return nil
	}
	var m extension.RequestExtensions
	if err := p.decode(f, &m); err != nil {
		return err
	}
	return p.conn.Send(answerExtensions(&m, nil))
}

// answerExtensions grants those of the requested extensions that are supported. We
// insist on none.
func answerExtensions(m *extension.RequestExtensions, supported []uint16) sv2.Message {
	granted := slices.DeleteFunc(slices.Clone(m.RequestedExtensions), func(e uint16) bool {
		return !slices.Contains(supported, e)
	})
	if len(granted) == 0 && len(m.RequestedExtensions) > 0 {
		return &extension.RequestExtensionsError{RequestID: m.RequestID, UnsupportedExtensions: m.RequestedExtensions}
	}
	return &extension.RequestExtensionsSuccess{RequestID: m.RequestID, SupportedExtensions: granted}
}

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
	case len(p.channels) >= p.pool.cfg.Limits.Channels:
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
		ChannelID: p.lastID + 1, Target: vardiff.Target(), MaxTarget: bitcoin.Target(m.MaxTarget),
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
	p.log.Info("channel refused", "user", printable(m.UserIdentity), "code", code)
	return p.conn.Send(&mining.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: code})
}

// updateChannel takes a new hash rate and a new easiest target. There is no positive
// answer but a SetTarget, if the target changes (5.3.7).
func (p *peer) updateChannel(f sv2.Frame) error {
	var m mining.UpdateChannel
	if err := p.decode(f, &m); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.find(m.ChannelID)
	if code := mayUpdate(s, &m); code != "" {
		return p.conn.Send(&mining.UpdateChannelError{ChannelID: m.ChannelID, ErrorCode: code})
	}
	limit := bitcoin.Target(m.MaximumTarget)
	target, changed := s.SetMaxTarget(limit)
	if t, moved := s.vardiff.Update(float64(m.NominalHashRate), limit, time.Now()); moved {
		target, changed = s.SetTarget(t), true
	}
	if !changed {
		return nil
	}
	out, err := s.rejob([]sv2.Message{&target})
	if err != nil {
		return err
	}
	return p.conn.SendAll(out...)
}

func mayUpdate(s *standard, m *mining.UpdateChannel) string {
	switch {
	case s == nil:
		return mining.CodeInvalidChannelID
	case !m.NominalHashRate.Valid():
		return mining.CodeInvalidNominalHashrate
	case m.MaximumTarget == sv2.U256{}:
		return mining.CodeMaxTargetOutOfRange
	}
	return ""
}

// closeChannel forgets a channel; nothing is sent for it any more, not even what
// its last shares earned (5.3.9).
func (p *peer) closeChannel(f sv2.Frame) error {
	var m mining.CloseChannel
	if err := p.decode(f, &m); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.place(m.ChannelID)
	if !ok {
		return nil // it may have crossed one of ours
	}
	p.pool.closed(p.channels[i])
	p.log.Info("channel closed by the device", "channel", m.ChannelID, "reason", printable(m.ReasonCode))
	p.channels = slices.Delete(p.channels, i, i+1)
	if len(p.channels) == 0 {
		p.lonely = time.Now()
		p.lookIn(p.lonely.Add(p.pool.cfg.Limits.FirstChannel))
	}
	return nil
}

// customJob refuses work that the device chose: there is no job declaration here.
func (p *peer) customJob(f sv2.Frame) error {
	var m mining.SetCustomMiningJob
	if err := p.decode(f, &m); err != nil {
		return err
	}
	code := mining.CodeJDNotSupported
	p.mu.Lock()
	if p.find(m.ChannelID) == nil {
		code = mining.CodeInvalidChannelID
	}
	p.mu.Unlock()
	return p.conn.Send(&mining.SetCustomMiningJobError{ChannelID: m.ChannelID, RequestID: m.RequestID, ErrorCode: code})
}

// printable makes a peer's text safe to show and to keep.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// errRefused ends a connection whose shares are all bad.
var errRefused = errors.New("too many refused shares in a row")
