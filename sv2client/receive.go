package sv2client

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// receive obeys the pool until the connection ends, and says why it did.
func (s *session) receive() error {
	for {
		f, err := s.conn.Receive()
		if err != nil {
			return &Fault{receiveKind(err), describe(err)}
		}
		m, err := s.decode(f)
		if err != nil {
			return &Fault{Violation, err}
		}
		if m == nil {
			continue
		}
		if err := s.obey(m, time.Now()); err != nil {
			return err
		}
	}
}

func receiveKind(err error) Kind {
	if errors.Is(err, sv2net.ErrTooLarge) || errors.Is(err, noise.ErrDecrypt) {
		return Violation
	}
	return Disconnected
}

// describe makes io.EOF readable.
func describe(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the pool closed the connection (%w)", err)
	}
	return err
}

// maxOdd bounds the memory of types that were logged.
const maxOdd = 64

// decode reads the messages that concern a standard channel. Everything else, as
// frames of extensions that we did not ask for (chapter 9), is dropped: nil.
func (s *session) decode(f sv2.Frame) (sv2.Message, error) {
	m := s.blank(f.Type)
	if m == nil {
		if !s.odd[f.Type] && len(s.odd) < maxOdd {
			s.odd[f.Type] = true
			s.log.Debug("messages of this type are ignored", "type", fmt.Sprintf("%#06x", uint32(f.Type)), "bytes", len(f.Payload))
		}
		return nil, nil
	}
	if _, err := s.received.Decode(f.Payload, m); err != nil {
		return nil, err
	}
	return m, nil
}

// blank is an empty message of the type, nil if it is not for us.
func (s *session) blank(t sv2.Type) sv2.Message {
	switch t.Plain() {
	case mining.TypeSubmitSharesSuccess.Plain():
		return &s.answer
	case mining.TypeSubmitSharesError.Plain():
		return &s.refusal
	case sv2.TypeSetupConnectionSuccess.Plain(), sv2.TypeSetupConnectionError.Plain(),
		sv2.TypeChannelEndpointChanged.Plain(), sv2.TypeReconnect.Plain(),
		mining.TypeOpenStandardMiningChannelSuccess.Plain(), mining.TypeOpenMiningChannelError.Plain(),
		mining.TypeNewMiningJob.Plain(), mining.TypeNewExtendedMiningJob.Plain(), mining.TypeSetNewPrevHash.Plain(), mining.TypeSetTarget.Plain(),
		mining.TypeSetExtranoncePrefix.Plain(), mining.TypeSetGroupChannel.Plain(),
		mining.TypeUpdateChannelError.Plain(), mining.TypeCloseChannel.Plain():
		return mining.New(t)
	}
	return nil
}

// obey does what a message asks for. Messages that make no sense in the present
// state are logged and change nothing, except before the set-up is answered.
func (s *session) obey(m sv2.Message, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	switch m := m.(type) {
	case *sv2.SetupConnectionSuccess:
		return s.setUp(m, now)
	case *sv2.SetupConnectionError:
		return s.setupRefused(m)
	case *sv2.Reconnect:
		s.reconnect(m)
		return nil
	}
	if s.state == SettingUp {
		return faultf(Violation, "%T came before the answer to SetupConnection", m)
	}
	switch m := m.(type) {
	case *mining.OpenStandardMiningChannelSuccess:
		return s.opened(m, now)
	case *mining.OpenMiningChannelError:
		return s.openRefused(m, now)
	case *mining.UpdateChannelError:
		s.updateRefused(m)
	case *sv2.ChannelEndpointChanged:
		// All extension state of the channel is void (3.6.4); we have none.
		s.log.Debug("channel ends at another node now", "channel", m.ChannelID)
	default:
		return s.work(m, now)
	}
	return nil
}

// setUp takes SetupConnection.Success (3.6.2). REQUIRES_FIXED_VERSION is obeyed;
// flags that nobody has defined yet cannot be, so they are only logged.
func (s *session) setUp(m *sv2.SetupConnectionSuccess, now time.Time) error {
	switch {
	case s.state != SettingUp:
		s.log.Warn("second SetupConnection.Success ignored")
		return nil
	case m.UsedVersion != sv2.Version:
		return faultf(Refused, "the pool chose protocol version %d, we speak %d", m.UsedVersion, sv2.Version)
	case m.Flags&mining.FlagRequiresExtendedChannels != 0:
		return faultf(Refused, "the pool serves extended channels only; connect through a proxy")
	case m.Flags&mining.FlagRequiresFixedVersion != 0:
		s.mask = 0
	}
	if unknown := m.Flags &^ (mining.FlagRequiresFixedVersion | mining.FlagRequiresExtendedChannels); unknown != 0 {
		s.log.Warn("pool requires flags that are not defined", "flags", fmt.Sprintf("%#x", unknown))
	}
	s.enter(Opening, now, 0)
	s.plan(now)
	s.queue.signal()
	return nil
}

// setupRefused takes SetupConnection.Error (3.6.3). A pool that does not know
// REQUIRES_VERSION_ROLLING is asked again without: we can hash either way.
func (s *session) setupRefused(m *sv2.SetupConnectionError) error {
	if s.state != SettingUp {
		s.log.Warn("late SetupConnection.Error ignored")
		return nil
	}
	if s.rolling && m.Flags == mining.FlagRequiresVersionRolling {
		return errNoRolling
	}
	return faultf(Refused, "SetupConnection: %s (flags %#x)", printable(m.ErrorCode), m.Flags)
}

// errNoRolling ends a session that must be tried again without version rolling.
var errNoRolling = errors.New("sv2client: pool does not allow version rolling")

// opened takes OpenStandardMiningChannel.Success (5.3.3).
func (s *session) opened(m *mining.OpenStandardMiningChannelSuccess, now time.Time) error {
	sl := s.asking(m.RequestID)
	if sl == nil {
		s.log.Warn("channel that we did not ask for ignored", "channel", m.ChannelID)
		return nil
	}
	if s.open() {
		s.c.unshy(s.p)
	}
	sl.asked, sl.openAt = false, time.Time{}
	sl.channel = channel.NewClient(channel.Opening{
		ChannelID: m.ChannelID, GroupID: m.GroupChannelID,
		Target: bitcoin.Target(m.Target), ExtranoncePrefix: m.ExtranoncePrefix,
		VersionMask: s.mask, Numbers: &s.numbers,
		Ended: func(o channel.Outcome) { s.ended(sl, o) },
	})
	s.log.Info("channel open", "channel", m.ChannelID, "number", sl.number, "difficulty", bitcoin.Target(m.Target).Difficulty())
	s.enterSlot(sl, AwaitingJob, now, s.c.cfg.Limits.FirstJob)
	s.queue.signal() // the next one may ask
	return nil
}

// openRefused takes OpenMiningChannel.Error (5.3.6).
func (s *session) openRefused(m *mining.OpenMiningChannelError, now time.Time) error {
	sl := s.asking(m.RequestID)
	if sl == nil {
		return nil
	}
	sl.asked = false
	if s.unbind(m.ErrorCode) {
		sl.openAt = now
		s.enterSlot(sl, Opening, now, 0)
		s.queue.signal()
		return nil
	}
	return s.giveUp(sl, faultf(Refused, "opening a channel for user %q: %s", s.p.user, printable(m.ErrorCode)), now)
}

// updateRefused takes UpdateChannel.Error (5.3.8).
func (s *session) updateRefused(m *mining.UpdateChannelError) {
	if !s.unbind(m.ErrorCode) {
		s.log.Warn("pool refused our new hash rate", "code", printable(m.ErrorCode))
		return
	}
	for _, sl := range s.slots {
		if sl.channel != nil && sl.channel.ChannelID() == m.ChannelID {
			sl.told.hashes = 0 // watch tells it again
		}
	}
}

// work hands a message to the channels, each of which knows whether it is meant.
func (s *session) work(m sv2.Message, now time.Time) error {
	if !s.open() {
		s.log.Debug("message without a channel ignored", "message", fmt.Sprintf("%T", m))
		return nil
	}
	for _, sl := range s.slots {
		if sl.channel == nil {
			continue
		}
		if err := s.handle(sl, m, now); err != nil {
			return err
		}
	}
	return nil
}

// handle hands a message to one channel and does what follows for the miner.
func (s *session) handle(sl *slot, m sv2.Message, now time.Time) error {
	change, err := sl.channel.Handle(m, now)
	if err != nil {
		s.tell(sl, nil, true)
		return &Fault{Violation, err}
	}
	switch change {
	case channel.JobChanged, channel.TipChanged:
		return s.newJob(sl, change == channel.TipChanged, now)
	case channel.Stopped:
		s.tell(sl, nil, true)
		if sl.state == Mining {
			s.enterSlot(sl, AwaitingJob, now, s.c.cfg.Limits.FirstJob)
		}
	case channel.Closed:
		return s.closed(sl, m, now)
	}
	return nil
}

// tell passes a job on, if we are the session that is hashed for.
func (s *session) tell(sl *slot, j *channel.Job, newTip bool) {
	if s.live {
		s.c.miners[sl.number].Job(j, newTip)
	}
}

func (s *session) newJob(sl *slot, newTip bool, now time.Time) error {
	j := sl.channel.Active()
	first := sl.tip.job.IsZero()
	sl.tip.see(j, now)
	if first {
		if err := s.firstJob(j); err != nil {
			return err
		}
	}
	if newTip && s.proof.Load() && s.c.cfg.SeenTime != nil {
		s.c.cfg.SeenTime(time.Unix(int64(j.NTime), 0))
	}
	s.tell(sl, j, newTip)
	if sl.state == AwaitingJob {
		sl.why, sl.givenUp = nil, 0
		s.enterSlot(sl, Mining, now, 0)
	}
	if !s.began {
		s.began = true
		close(s.ready)
	}
	level := slog.LevelDebug
	if newTip && s.live {
		level = slog.LevelInfo
	}
	s.log.Log(s.ctx, level, "job", "channel", sl.channel.ChannelID(), "job", j.ID, "new_tip", newTip, "prev_hash", j.PrevHash.String(), "difficulty", j.Target.Difficulty())
	return nil
}

// firstJob checks what a first job can tell: the time, for a certificate that was
// taken without a clock, and whether the pool is still where it was when we left it
// for stale jobs.
func (s *session) firstJob(j *channel.Job) error {
	if err := s.conn.CheckTime(time.Unix(int64(j.NTime), 0)); err != nil {
		return &Fault{BadCertificate, err}
	}
	if s.shunned != (bitcoin.Hash{}) && j.PrevHash == s.shunned {
		s.stale = j.PrevHash
		return faultf(Stale, "it still has the prev_hash that we left it for")
	}
	return nil
}

// maxClosings is how often a pool may close a channel before we leave, or do with
// those that are left.
const maxClosings = 3

// closed opens another channel, after a pause (5.3.9).
func (s *session) closed(sl *slot, m sv2.Message, now time.Time) error {
	reason := ""
	if m, ok := m.(*mining.CloseChannel); ok {
		reason = printable(m.ReasonCode)
	}
	s.tell(sl, nil, true)
	sl.channel = nil
	if s.state == Draining {
		return nil // watch sees when the last one is gone
	}
	s.enterSlot(sl, Opening, now, 0)
	if sl.closings++; sl.closings > maxClosings {
		return s.giveUp(sl, faultf(ChannelClosed, "%s", reason), now)
	}
	pause := backoff(&s.c.cfg.Limits, sl.closings-1, s.c.cfg.Rand)
	s.log.Warn("pool closed our channel; opening another", "number", sl.number, "reason", reason, "pause", pause.Round(time.Millisecond))
	sl.openAt = now.Add(pause)
	return nil
}

// ended is told by a channel how a share ended.
func (s *session) ended(sl *slot, o channel.Outcome) {
	switch o.End {
	case channel.Accepted:
		sl.answered = s.now
		sl.rejects.accept(s.now)
	case channel.Rejected:
		sl.answered = s.now
		sl.rejects.reject(printable(o.Reason), s.now)
		s.log.Info("share rejected", "code", printable(o.Reason), "job", o.Share.JobID)
	}
	s.c.tally.count(s.p, &o.Share, o.End, o.Reason)
}

// reconnect takes Reconnect (3.6.5): another host, another port, or the same again;
// the authority key is never another one. The Client decides when to go.
func (s *session) reconnect(m *sv2.Reconnect) {
	url := s.url
	if m.NewHost != "" {
		url.Host = m.NewHost
	}
	if m.NewPort != 0 {
		url.Port = m.NewPort
	}
	if _, err := noise.ParseURL(url.String()); err != nil {
		s.log.Warn("Reconnect to an address that is none ignored", "host", printable(m.NewHost), "port", m.NewPort)
		return
	}
	select {
	case s.moved <- url:
	default:
	}
}
