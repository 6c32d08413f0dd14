package pool

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
)

// scenario is a vector of what a server must answer, in the file's own words.
type scenario struct {
	ID    string `json:"id"`
	Role  string `json:"role"`
	Setup struct {
		FixedVersion  bool     `json:"fixed_version"`
		WorkSelection bool     `json:"work_selection"`
		ClientFlags   uint32   `json:"client_flags"`
		Supported     []uint16 `json:"supported"`
		MinNTime      uint32   `json:"min_ntime"`   // of the job,
		ReceivedAt    uint32   `json:"received_at"` // of the share, by the server's clock
		JobVersion    uint32   `json:"job_version"`
	} `json:"setup"`
	Events []map[string]json.RawMessage `json:"events"`
}

// later says why a scenario waits for the pool's own issue: extended channels, and
// work that clients choose.
func (s *scenario) later() bool {
	for _, e := range s.Events {
		switch string(e["recv"]) {
		case `"OpenExtendedMiningChannel"`:
			return true
		case `"SetCustomMiningJob"`:
			return s.Setup.WorkSelection
		case `"SubmitShares"`:
			return strings.Contains(string(e["change"]), "extranonce")
		}
	}
	return false
}

func TestScenarioVectors(t *testing.T) {
	run := 0
	vectors.Each(t, "scenarios", func(t *testing.T, s scenario) {
		if s.Role != "server" || s.later() {
			return
		}
		run++
		synctest.Test(t, func(t *testing.T) { s.play(t) })
	})
	if run < 19 {
		t.Errorf("%d scenarios for servers ran", run)
	}
}

// stage is a connection in a scenario.
type stage struct {
	*device
	r     *rig
	s     *scenario
	miner *miner
	last  *mining.SubmitSharesStandard
	asked []uint16 // extensions
	moves int
}

func (s *scenario) play(t *testing.T) {
	r := start(t, Config{FixedVersion: s.Setup.FixedVersion || strings.Contains(s.text(), `"version_rolling_allowed": false`), Batch: 1}, true)
	r.pool.setup.Supported |= s.Setup.ClientFlags // as a pool that offers what the client wants
	st := &stage{device: r.dial(), r: r, s: s}
	if !s.startsBare() {
		st.send(setup(s.Setup.ClientFlags))
		next[*sv2.SetupConnectionSuccess](st.device)
	}
	for i, e := range s.Events {
		switch {
		case e["recv"] != nil:
			st.receive(s.word(i, "recv"), e)
		case e["event"] != nil:
			st.event(s.word(i, "event"))
		case e["expect"] != nil:
			st.expect(e["expect"])
		}
	}
	r.stop()
}

// startsBare says whether the scenario is about the first message of a connection.
// Others begin after a set-up that they do not tell.
func (s *scenario) startsBare() bool {
	return s.word(0, "recv") == "SetupConnection" ||
		len(s.Events) > 1 && strings.Contains(string(s.Events[1]["expect"]), `"close"`)
}

func (s *scenario) text() string {
	b, _ := json.Marshal(s.Events)
	return strings.ReplaceAll(string(b), `":`, `": `)
}

func (s *scenario) word(i int, key string) (w string) {
	json.Unmarshal(s.Events[i][key], &w)
	return w
}

// receive lets the pool receive a message.
func (st *stage) receive(name string, e map[string]json.RawMessage) {
	if name == "SubmitShares" {
		st.share(e["change"])
		return
	}
	fields := map[string]any{}
	if e["fields"] != nil {
		if err := json.Unmarshal(e["fields"], &fields); err != nil {
			st.t.Fatal(err)
		}
	}
	usual := map[string]any{}
	switch name {
	case "OpenStandardMiningChannel":
		usual = map[string]any{"request_id": 7, "user_identity": "u", "nominal_hash_rate": 1000, "max_target": strings.Repeat("ff", 32)}
	case "RequestExtensions":
		usual["request_id"] = 9
	}
	for key, v := range usual {
		if _, given := fields[key]; !given {
			fields[key] = v
		}
	}
	fields["message"] = name
	text, err := json.Marshal(fields)
	if err != nil {
		st.t.Fatal(err)
	}
	f, err := sv2.ParseFrame(text, sv2.FirstOf(mining.New, extension.New))
	if err != nil {
		st.t.Fatalf("scenario receives %s: %v", text, err)
	}
	if name == "RequestExtensions" {
		var m extension.RequestExtensions
		if err := sv2.Unmarshal(f.Payload, &m); err != nil {
			st.t.Fatal(err)
		}
		st.asked = m.RequestedExtensions
	}
	if err := st.conn.SendFrame(f); err != nil {
		st.t.Fatal(err)
	}
}

// mine makes sure that there is a channel with an active job that is not its first.
func (st *stage) mine() {
	if st.miner == nil {
		st.miner = st.open(1, 1000)
		st.miner.ahead()
	}
}

// share sends a share of the channel's job with one thing changed.
func (st *stage) share(change json.RawMessage) {
	st.mine()
	var c struct {
		JobID     any     `json:"job_id"`
		NTime     *uint32 `json:"ntime"`
		ChannelID *uint32 `json:"channel_id"`
		Version   *uint32 `json:"version"`
		Repeat    bool    `json:"repeat"`
		Hash      string  `json:"hash"`
	}
	if err := json.Unmarshal(change, &c); err != nil {
		st.t.Fatal(err)
	}
	if c.NTime != nil {
		st.miner.later = st.later(*c.NTime)
	}
	if c.Version != nil {
		st.miner.bits = *c.Version ^ st.s.Setup.JobVersion
	}
	m := st.miner.find(c.Hash == "" || strings.Contains(c.Hash, "meets old"))
	switch {
	case c.JobID == "job of an earlier prev_hash":
		st.event("new prev_hash and job")
	case c.JobID != nil:
		m.JobID = 4242
	case c.ChannelID != nil:
		m.ChannelID = *c.ChannelID
	case c.Repeat:
		st.send(m)
		next[*mining.SubmitSharesSuccess](st.device)
		again := *m
		again.SequenceNumber++
		m = &again
	}
	st.last = m
	st.send(m)
}

// later moves a time of the scenario to this pool's clock, as seconds after the
// job's: as far before the job's smallest time, else as far from the server's.
func (st *stage) later(ntime uint32) uint32 {
	if afterJob := int64(ntime) - int64(st.s.Setup.MinNTime); afterJob < 0 {
		return uint32(afterJob)
	}
	now := time.Now().Unix() - int64(st.miner.tip.MinNTime)
	return uint32(max(0, now+int64(ntime)-int64(st.s.Setup.ReceivedAt)))
}

func (st *stage) event(name string) {
	st.mine()
	switch {
	case strings.HasPrefix(name, "new prev_hash"):
		st.moves++
		st.r.chain.templates <- template(100+uint32(st.moves), 1+byte(st.moves), hardBits)
		next[*mining.SetNewPrevHash](st.device)
		next[*mining.NewMiningJob](st.device)
		next[*mining.NewMiningJob](st.device)
	case strings.HasPrefix(name, "SetTarget to a harder"):
		harder := bitcoin.RateTarget(1e12, 12)
		st.send(&mining.UpdateChannel{ChannelID: st.miner.id, NominalHashRate: 1000, MaximumTarget: sv2.U256(harder)})
		if m := next[*mining.SetTarget](st.device); bitcoin.Target(m.MaximumTarget).Cmp(harder) > 0 {
			st.t.Errorf("target %x is above the maximum", m.MaximumTarget)
		}
		next[*mining.NewMiningJob](st.device)
	default:
		st.t.Fatalf("scenario has event %q", name)
	}
}

// expect checks what the pool did.
func (st *stage) expect(raw json.RawMessage) {
	var want struct {
		Close       bool     `json:"close"`
		Accept      bool     `json:"accept"`
		Send        string   `json:"send"`
		Order       []string `json:"send_in_order"`
		Code        string   `json:"error_code"`
		Flags       *uint32  `json:"flags"`
		Version     uint16   `json:"used_version"`
		Unsupported []uint16 `json:"unsupported"`
		Supported   []uint16 `json:"supported"`
		Remembered  *int     `json:"duplicates_remembered"`
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		st.t.Fatal(err)
	}
	var code string
	switch {
	case want.Close:
		st.closed()
	case want.Accept:
		if a := next[*mining.SubmitSharesSuccess](st.device); a.LastSequenceNumber != st.last.SequenceNumber || a.NewSubmitsAcceptedCount != 1 {
			st.t.Errorf("acknowledged %+v", a)
		}
	case want.Order != nil:
		next[*mining.OpenStandardMiningChannelSuccess](st.device)
		j := next[*mining.NewMiningJob](st.device)
		if m := next[*mining.SetNewPrevHash](st.device); m.JobID != j.JobID || j.MinNTime.Valid {
			st.t.Errorf("channel begins with %+v, %+v", j, m)
		}
	case want.Remembered != nil:
		synctest.Wait()
		if n := st.r.pool.peers[0].channels[0].Duplicates(); n != *want.Remembered {
			st.t.Errorf("%d duplicates remembered, want %d", n, *want.Remembered)
		}
	case want.Send == "SetupConnection.Success":
		m := next[*sv2.SetupConnectionSuccess](st.device)
		if want.Version != 0 && m.UsedVersion != want.Version || want.Flags != nil && m.Flags != *want.Flags {
			st.t.Errorf("set-up succeeds with %+v", m)
		}
	case want.Send == "SetupConnection.Error":
		m := next[*sv2.SetupConnectionError](st.device)
		if code = m.ErrorCode; want.Flags != nil && m.Flags != *want.Flags {
			st.t.Errorf("unsupported flags %#x, want %#x", m.Flags, *want.Flags)
		}
		st.closed()
	case want.Send == "OpenMiningChannel.Error":
		m := next[*mining.OpenMiningChannelError](st.device)
		if code = m.ErrorCode; m.RequestID != 7 {
			st.t.Errorf("answers request %d", m.RequestID)
		}
	case want.Send == "SubmitShares.Error":
		m := next[*mining.SubmitSharesError](st.device)
		if code = m.ErrorCode; m.SequenceNumber != st.last.SequenceNumber || m.ChannelID != st.last.ChannelID {
			st.t.Errorf("refuses %+v, sent %+v", m, st.last)
		}
	case want.Send == "RequestExtensions.Error":
		m := next[*extension.RequestExtensionsError](st.device)
		if !slices.Equal(m.UnsupportedExtensions, want.Unsupported) || len(m.RequiredExtensions) != 0 || m.RequestID != 9 {
			st.t.Errorf("refuses extensions with %+v", m)
		}
	case want.Send == "RequestExtensions.Success":
		// This pool speaks no extension; the function that decides is asked instead.
		next[sv2.Message](st.device)
		req := &extension.RequestExtensions{RequestID: 9, RequestedExtensions: st.asked}
		m, ok := answerExtensions(req, st.s.Setup.Supported).(*extension.RequestExtensionsSuccess)
		if !ok || !slices.Equal(m.SupportedExtensions, want.Supported) {
			st.t.Errorf("grants extensions with %+v", m)
		}
	case strings.HasSuffix(want.Send, ".Error"):
		m := next[sv2.Message](st.device)
		var got struct {
			Code string `json:"error_code"`
		}
		text, err := json.Marshal(m)
		if err != nil || json.Unmarshal(text, &got) != nil || sv2.Name(m) != want.Send {
			st.t.Errorf("the pool sent %s %s, %v", sv2.Name(m), text, err)
		}
		code = got.Code
	default:
		st.t.Fatalf("scenario expects %s", raw)
	}
	if code != want.Code {
		st.t.Errorf("code %q, want %q", code, want.Code)
	}
}
