package chipsim

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// A recorder writes what passes the wire, one JSON line each. The first line is
// the Config, then [nanoseconds, event, value]:
//
//	tx      bytes that the host wrote (hex)      rx      an answer as it arrived (hex)
//	baud    [rate, flushed]                      reset   true: low
//	rate    [last, now]: of a host on a pty
//	volts   [domain, millivolts]                 fan     0 to 1
//	cycle   power off and on
//	ambient °C       fault  a Fault     heal  all faults end     report  a Report
//
// A nil recorder is silent.
type recorder struct {
	w   io.Writer
	err error
}

type hexBytes []byte

// MarshalText writes lower-case hex.
func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (r *recorder) line(v any) {
	if r == nil || r.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err == nil {
		_, err = r.w.Write(append(b, '\n'))
	}
	r.err = err
}

func (r *recorder) event(at time.Duration, event string, v any) {
	if r != nil {
		r.line([]any{int64(at), event, v})
	}
}

// Trace records everything from now on to w, which is written with the chain's
// lock held: give it a buffer. Call it before the first byte, or Replay cannot
// repeat the run.
func (c *Chain) Trace(w io.Writer) {
	c.do(func(now time.Duration) {
		c.trace = &recorder{w: w}
		c.trace.line(c.cfg)
		if c.fan != usualAir { // a board has been built around it
			c.trace.event(now, "fan", c.fan)
		}
	})
}

// TraceErr is the first error of writing the trace.
func (c *Chain) TraceErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trace == nil {
		return nil
	}
	return c.trace.err
}

// ErrTrace says that a trace is not what the chain does.
var ErrTrace = errors.New("chipsim: the replay differs from the trace")

// Replay makes the chain of a trace, does what the host did, and compares every
// answer and report. A difference is ErrTrace with the first line that differs.
func Replay(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	if !lines.Scan() {
		return fmt.Errorf("chipsim: empty trace: %w", lines.Err())
	}
	var cfg Config
	if err := json.Unmarshal(lines.Bytes(), &cfg); err != nil {
		return fmt.Errorf("chipsim: trace: %w", err)
	}
	c, err := New(cfg)
	if err != nil {
		return err
	}
	p := replayer{c: c}
	c.trace = &recorder{w: &p}
	for n := 2; lines.Scan(); n++ {
		if err := p.line(lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// A replayer feeds a chain from a trace, and collects what it says.
type replayer struct {
	c    *Chain
	said []string
}

// Write gets one line from the chain's recorder.
func (p *replayer) Write(b []byte) (int, error) {
	p.said = append(p.said, string(b[:len(b)-1]))
	return len(b), nil
}

func (p *replayer) line(b []byte) error {
	var at int64
	var event string
	var value json.RawMessage
	if err := json.Unmarshal(b, &[]any{&at, &event, &value}); err != nil {
		return fmt.Errorf("chipsim: trace: %w", err)
	}
	p.c.advance(time.Duration(at))
	if event != "rx" && event != "report" {
		if err := p.c.apply(time.Duration(at), event, value); err != nil {
			return fmt.Errorf("chipsim: trace: %s: %w", event, err)
		}
	}
	for i, s := range p.said {
		if s == string(b) {
			p.said = append(p.said[:i], p.said[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("%w: trace has %s, chain %.300q", ErrTrace, b, p.said)
}

// apply does what a line of a trace says the host did.
func (c *Chain) apply(now time.Duration, event string, value []byte) error {
	switch event {
	case "tx":
		var text string
		err := json.Unmarshal(value, &text)
		b, bad := hex.DecodeString(text)
		if err == nil && bad == nil {
			c.write(now, b)
		}
		return errors.Join(err, bad)
	case "baud":
		var baud int
		var flush bool
		err := json.Unmarshal(value, &[]any{&baud, &flush})
		c.switchBaud(now, baud, flush)
		return err
	case "rate":
		var v [2]int
		err := json.Unmarshal(value, &v)
		c.atRate(now, v[0], v[1])
		return err
	}
	return c.applyBoard(now, event, value)
}

// applyBoard is apply for what happens beside the line.
func (c *Chain) applyBoard(now time.Duration, event string, value []byte) (err error) {
	switch event {
	case "reset":
		var low bool
		err = json.Unmarshal(value, &low)
		c.trace.event(now, event, low)
		c.setReset(now, low)
	case "volts":
		var v [2]float64
		if err = json.Unmarshal(value, &v); err == nil && v[0] >= 0 && int(v[0]) < len(c.domains) {
			c.trace.event(now, event, v[:])
			c.setDomain(now, int(v[0]), v[1])
		}
	case "fan":
		err = json.Unmarshal(value, &c.fan)
		c.trace.event(now, event, c.fan)
	case "ambient":
		err = json.Unmarshal(value, &c.cfg.Ambient)
		c.trace.event(now, event, c.cfg.Ambient)
	case "fault":
		var f Fault
		if err = json.Unmarshal(value, &f); err == nil {
			err = f.check(len(c.chips), len(c.domains))
		}
		if err == nil {
			c.trace.event(now, event, f)
			c.inject(f)
		}
	case "cycle":
		c.trace.event(now, event, true)
		c.powerUp()
	case "heal":
		c.trace.event(now, event, true)
		c.faults = nil
		c.refresh(now)
	default:
		return fmt.Errorf("no such event")
	}
	return err
}
