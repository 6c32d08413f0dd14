package channel

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

type scenario struct {
	ID      string
	Role    string
	Channel struct {
		Type             string
		ChannelID        uint32      `json:"channel_id"`
		GroupChannelID   uint32      `json:"group_channel_id"`
		Target           vectors.Hex `json:"target"`
		ExtranoncePrefix vectors.Hex `json:"extranonce_prefix"`
		ExtranonceSize   int         `json:"extranonce_size"`
	}
	Setup struct {
		MinNTime   uint32 `json:"min_ntime"`
		JobVersion uint32 `json:"job_version"`
		ReceivedAt int64  `json:"received_at"`
	}
	Events []event
}

type event struct {
	Recv   string
	Fields fields
	Send   string
	Event  string
	Change map[string]any
	Expect map[string]any
}

type fields struct {
	ChannelID               uint32        `json:"channel_id"`
	JobID                   uint32        `json:"job_id"`
	MinNTime                sv2.OptU32    `json:"min_ntime"`
	Version                 uint32        `json:"version"`
	VersionRollingAllowed   bool          `json:"version_rolling_allowed"`
	MerkleRoot              vectors.Hex   `json:"merkle_root"`
	MerklePath              []vectors.Hex `json:"merkle_path"`
	CoinbaseTxPrefix        vectors.Hex   `json:"coinbase_tx_prefix"`
	CoinbaseTxSuffix        vectors.Hex   `json:"coinbase_tx_suffix"`
	PrevHash                string        `json:"prev_hash"`
	NBits                   uint32        `json:"nbits"`
	MaximumTarget           vectors.Hex   `json:"maximum_target"`
	ExtranoncePrefix        vectors.Hex   `json:"extranonce_prefix"`
	ReasonCode              string        `json:"reason_code"`
	ErrorCode               string        `json:"error_code"`
	SequenceNumber          uint32        `json:"sequence_number"`
	LastSequenceNumber      uint32        `json:"last_sequence_number"`
	NewSubmitsAcceptedCount uint32        `json:"new_submits_accepted_count"`
	NewSharesSum            uint64        `json:"new_shares_sum"`
	GroupChannelID          uint32        `json:"group_channel_id"`
	ChannelIDs              []uint32      `json:"channel_ids"`
}

func u256(h vectors.Hex) (u sv2.U256) { copy(u[:], h); return u }

// message is the message with these fields, nil for one that does not concern the
// state of a channel.
func (f *fields) message(name string) sv2.Message {
	switch name {
	case "NewMiningJob":
		return &mining.NewMiningJob{ChannelID: f.ChannelID, JobID: f.JobID, MinNTime: f.MinNTime, Version: f.Version, MerkleRoot: u256(f.MerkleRoot)}
	case "NewExtendedMiningJob":
		m := &mining.NewExtendedMiningJob{ChannelID: f.ChannelID, JobID: f.JobID, MinNTime: f.MinNTime, Version: f.Version,
			VersionRollingAllowed: f.VersionRollingAllowed, CoinbaseTxPrefix: sv2.Bytes(f.CoinbaseTxPrefix), CoinbaseTxSuffix: sv2.Bytes(f.CoinbaseTxSuffix)}
		for _, h := range f.MerklePath {
			m.MerklePath = append(m.MerklePath, u256(h))
		}
		return m
	case "SetNewPrevHash":
		var prev vectors.Hex
		_ = prev.UnmarshalText([]byte(f.PrevHash))
		return &mining.SetNewPrevHash{ChannelID: f.ChannelID, JobID: f.JobID, PrevHash: u256(prev), MinNTime: f.MinNTime.Value, NBits: f.NBits}
	case "SetTarget":
		return &mining.SetTarget{ChannelID: f.ChannelID, MaximumTarget: u256(f.MaximumTarget)}
	case "SetExtranoncePrefix":
		return &mining.SetExtranoncePrefix{ChannelID: f.ChannelID, ExtranoncePrefix: sv2.Bytes(f.ExtranoncePrefix)}
	case "SetGroupChannel":
		return &mining.SetGroupChannel{GroupChannelID: f.GroupChannelID, ChannelIDs: f.ChannelIDs}
	case "CloseChannel":
		return &mining.CloseChannel{ChannelID: f.ChannelID, ReasonCode: f.ReasonCode}
	case "SubmitShares.Error":
		return &mining.SubmitSharesError{ChannelID: f.ChannelID, SequenceNumber: f.SequenceNumber, ErrorCode: f.ErrorCode}
	case "SubmitShares.Success":
		return &mining.SubmitSharesSuccess{ChannelID: f.ChannelID, LastSequenceNumber: f.LastSequenceNumber,
			NewSubmitsAcceptedCount: f.NewSubmitsAcceptedCount, NewSharesSum: f.NewSharesSum}
	}
	return nil
}

// TestScenarios runs what the state of a channel can answer; set-up, opening and
// reconnection are for the tests of the client and of the pool.
func TestScenarios(t *testing.T) {
	vectors.Each(t, "scenarios", func(t *testing.T, s scenario) {
		switch {
		case s.Role == "client":
			s.runClient(t)
		case slices.ContainsFunc(s.Events, func(e event) bool { return e.Recv == "SubmitShares" }):
			s.runServer(t)
		}
	})
}

func (s *scenario) runClient(t *testing.T) {
	c := NewClient(Opening{
		ChannelID: s.Channel.ChannelID, GroupID: s.Channel.GroupChannelID, Target: bitcoin.Target(u256(s.Channel.Target)),
		ExtranoncePrefix: s.Channel.ExtranoncePrefix, Extended: s.Channel.Type == "extended",
		ExtranonceSize: s.Channel.ExtranonceSize, VersionMask: mining.NarrowVersionMask,
	})
	var fault error
	for _, e := range s.Events {
		switch {
		case e.Recv != "":
			if m := e.Fields.message(e.Recv); m != nil {
				_, fault = c.Handle(m, start)
			}
		case strings.HasPrefix(e.Send, "SubmitShares"):
			if _, err := c.Submit(share(c)); err != nil {
				t.Fatal(err)
			}
		}
		for key, want := range e.Expect {
			if got := clientState(c, fault, key); got != nil && !same(got, want) {
				t.Errorf("%s = %v, want %v", key, got, want)
			}
		}
	}
}

// clientState is the state of a client under a scenario's name for it, nil if that
// is not the channel's.
func clientState(c *Client, fault error, key string) any {
	stats, j := c.Stats(), c.Active()
	if j == nil {
		j = &Job{}
	}
	switch key {
	case "active":
		if c.Active() == nil {
			return json.RawMessage("null")
		}
		return j.ID
	case "hashing":
		return c.Active() != nil
	case "future":
		return ids(c.future)
	case "still_valid":
		return ids(c.live)
	case "prev_hash":
		return vectors.Hex(j.PrevHash[:])
	case "ntime_start":
		return j.NTime
	case "target":
		return vectors.Hex(j.Target[:])
	case "target_for_next_job":
		return vectors.Hex(c.target[:])
	case "active_extranonce_prefix":
		return vectors.Hex(j.ExtranoncePrefix)
	case "channel_open":
		return !c.closed
	case "protocol_error":
		return fault != nil
	case "accepted":
		return stats.Accepted
	case "rejected":
		return stats.Rejected
	case "pending":
		return stats.Pending
	}
	return nil
}

func ids(jobs []*Job) []uint32 {
	list := []uint32{}
	for _, j := range jobs {
		list = append(list, j.ID)
	}
	return list
}

// same compares by the JSON of both.
func same(got, want any) bool {
	if h, ok := got.(vectors.Hex); ok {
		return strings.EqualFold(want.(string), hexText(h))
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	return string(g) == string(w)
}

func hexText(h vectors.Hex) string {
	text, _ := sv2.Bytes(h).MarshalText()
	return string(text)
}

// runServer judges shares of a channel with an easy target in place of the
// scenario's, of which a test would have to search 2^32 nonces.
func (s *scenario) runServer(t *testing.T) {
	if slices.ContainsFunc(s.Events, func(e event) bool { return e.Change["channel"] == "extended" }) {
		return // Server is for standard channels
	}
	body := testBody(t, 1, 6)
	body.Version, body.Tip.NTime = s.Setup.JobVersion, s.Setup.MinNTime
	server := testServer(t, ease(8), body)
	now := time.Unix(s.Setup.ReceivedAt, 0)
	code := "none"
	for _, e := range s.Events {
		switch {
		case strings.HasPrefix(e.Event, "SetTarget"):
			server.SetTarget(ease(16))
		case e.Event != "":
			nextTip(t, server, testBody(t, 2, 6))
		case e.Recv != "":
			code = submitChanged(t, server, e.Change, now)
		}
		s.expect(t, server, e.Expect, code)
	}
}

func (s *scenario) expect(t *testing.T, server *Server, expect map[string]any, code string) {
	if want, ok := expect["error_code"]; ok && code != want {
		t.Errorf("code %q, want %q", code, want)
	}
	if expect["accept"] == true && code != "" {
		t.Errorf("refused: %s", code)
	}
	if want, ok := expect["duplicates_remembered"]; ok && !same(server.Duplicates(), want) {
		t.Errorf("%d duplicates remembered, want %v", server.Duplicates(), want)
	}
}

// submitChanged submits a good share with the scenario's change to it.
func submitChanged(t *testing.T, s *Server, change map[string]any, now time.Time) string {
	m := active(s)
	number := func(key string, v *uint32) {
		if n, ok := change[key].(float64); ok {
			*v = uint32(n)
		}
	}
	if change["version_rolling_allowed"] == false {
		s.mask = 0
	}
	number("ntime", &m.NTime)
	number("version", &m.Version)
	switch h, _ := change["hash"].(string); {
	case strings.Contains(h, "meets old target"):
		search(s, &m, ease(16), ease(8))
	case h != "":
		search(s, &m, ease(8), bitcoin.MaxTarget())
	default:
		search(s, &m, bitcoin.Target{}, ease(8))
	}
	number("channel_id", &m.ChannelID)
	number("job_id", &m.JobID)
	if text, _ := change["job_id"].(string); text != "" {
		nextTip(t, s, testBody(t, 3, 6))
	}
	_, code := s.Submit(&m, now)
	if change["repeat"] == true {
		m.SequenceNumber++
		_, code = s.Submit(&m, now)
	}
	return code
}
