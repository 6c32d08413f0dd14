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
		target, changed = s.SetTarget(p.pool.work.Load().ease(t)), true
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
