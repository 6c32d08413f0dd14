package sv2client

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// A scenario is one of the shared vectors: what a pool sends, and what a client must
// do. Those of standard channels run here over a whole connection.
type scenario struct {
	Role    string
	Channel struct {
		Type   string
		ID     uint32      `json:"channel_id"`
		Group  uint32      `json:"group_channel_id"`
		Target vectors.Hex `json:"target"`
		Prefix vectors.Hex `json:"extranonce_prefix"`
	}
	Events []struct {
		Recv   string                     `json:"recv"`
		Fields map[string]json.RawMessage `json:"fields"`
		Raw    *struct {
			Extension uint16      `json:"extension_type"`
			Number    uint8       `json:"msg_type"`
			Payload   vectors.Hex `json:"payload"`
		} `json:"recv_raw"`
		Send     string                     `json:"send"`
		HashRate float64                    `json:"nominal_hash_rate"`
		Sequence *uint32                    `json:"sequence_number"`
		Expect   map[string]json.RawMessage `json:"expect"`
	}
}

func TestScenarios(t *testing.T) {
	vectors.Each(t, "scenarios", func(t *testing.T, s scenario) {
		if s.Role == "client" && s.Channel.Type == "standard" {
			s.run(t)
		}
	})
}

func (s *scenario) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := identity(t, 0, time.Hour)
		w.ident["a:34254"] = id
		peers, done := make(chan *peer, 9), make(chan struct{})
		w.pool("a", func(p *peer) {
			if s.begin(p) {
				peers <- p
				<-done
			}
		})
		r := w.begin(w.config("a"), 0)
		p := <-peers
		synctest.Wait()
		for _, e := range s.Events {
			switch {
			case e.Recv != "":
				e.Fields["message"] = json.RawMessage(fmt.Sprintf("%q", e.Recv))
				text, err := json.Marshal(e.Fields)
				if err != nil {
					t.Fatal(err)
				}
				f, err := sv2.ParseFrame(text, mining.New)
				if err != nil {
					t.Fatal(err)
				}
				p.conn.SendFrame(f)
			case e.Raw != nil:
				p.conn.SendFrame(sv2.Frame{Type: sv2.Type(e.Raw.Extension)<<8 | sv2.Type(e.Raw.Number), Payload: e.Raw.Payload})
			case e.Send == "SubmitSharesStandard":
				r.found()
				if m, ok := hear[*mining.SubmitSharesStandard](p); !ok || e.Sequence != nil && m.SequenceNumber != *e.Sequence {
					t.Errorf("share %+v, want sequence number %v", m, e.Sequence)
				}
			case e.Send == "UpdateChannel":
				r.c.SetHashRate(0, e.HashRate)
				if m, ok := hear[*mining.UpdateChannel](p); !ok || float64(m.NominalHashRate) != float64(float32(e.HashRate)) {
					t.Errorf("update %+v", m)
				}
			}
			synctest.Wait()
			for key, want := range e.Expect {
				if got := r.observe(key); got != "" && !sameJSON(got, string(want)) {
					t.Errorf("%s is %s, want %s", key, got, want)
				}
			}
		}
		close(done)
		r.stop()
	})
}

// begin opens the scenario's channel.
func (s *scenario) begin(p *peer) bool {
	if !p.setUp(0) {
		return false
	}
	m, ok := hear[*mining.OpenStandardMiningChannel](p)
	if !ok {
		return false
	}
	var target sv2.U256
	copy(target[:], s.Channel.Target)
	return p.send(&mining.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: s.Channel.ID,
		Target: target, ExtranoncePrefix: sv2.Bytes(s.Channel.Prefix), GroupChannelID: s.Channel.Group})
}

// hear waits for the client's next message, which must be an M.
func hear[M sv2.Message](p *peer) (m M, ok bool) {
	x, err := p.next()
	if err != nil {
		return m, false
	}
	m, ok = x.(M)
	return m, ok
}

// observe is the value of an expectation, as JSON; "" for one that concerns the
// insides of a channel, which package channel tests.
func (r *rig) observe(key string) string {
	if key == "protocol_error" {
		time.Sleep(time.Second) // the farewell, which nobody reads
	}
	st := r.c.Status()
	accepted, rejected, _ := r.counts()
	j := r.active()
	switch key {
	case "hashing":
		return fmt.Sprint(j != nil)
	case "active":
		if j == nil {
			return "null"
		}
		return fmt.Sprint(j.ID)
	case "ntime_start":
		return fmt.Sprint(j.NTime)
	case "prev_hash":
		return fmt.Sprintf(`"%x"`, j.PrevHash[:])
	case "target":
		return fmt.Sprintf(`"%x"`, j.Target[:])
	case "target_for_next_job":
		return fmt.Sprintf(`"%x"`, st.Channel.Target[:])
	case "channel_open":
		return fmt.Sprint(st.Channel != nil)
	case "connection_open":
		return fmt.Sprint(st.Encrypted && st.Pools[0].Fault == "")
	case "protocol_error":
		return fmt.Sprint(st.Pools[0].Fault == Violation.String())
	case "accepted":
		return fmt.Sprint(accepted)
	case "rejected":
		return fmt.Sprint(rejected)
	case "pending":
		return fmt.Sprint(st.Pending)
	case "reconnect":
		return r.reconnects()
	}
	return ""
}

// reconnects waits for a second connection; the world knows one pool by its address,
// and its key is checked by noise.
func (r *rig) reconnects() string {
	time.Sleep(3 * time.Second)
	synctest.Wait()
	if len(r.tried("a")) != 2 || r.c.Status().Pools[0].Fault != "" || !r.c.Status().Encrypted {
		return fmt.Sprintf("%q", fmt.Sprint(r.tried("a"), r.c.Status()))
	}
	return `{"host":"same","port":"same","authority_key":"same"}`
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}
