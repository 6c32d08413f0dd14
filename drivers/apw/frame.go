package apw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Commands (HashSource/Bitmain_APW12_Peek; captures of stock firmware).
const (
	cmdFirmware   = 0x01
	cmdType       = 0x02
	cmdGetDAC     = 0x03
	cmdMeasure    = 0x04
	cmdState      = 0x05
	cmdWatchdog   = 0x81
	cmdSetVoltage = 0x83
)

// nak is what the supply says to a packet that it does not take, and while it
// has nothing to say.
const nak = 0xf5

// ErrRefused says that the supply answered F5 until the end: it refused the
// packet, or had no answer in time.
var ErrRefused = errors.New("supply refused the command (F5)")

// appendPacket adds 55 AA LEN CMD payload SUM16: LEN counts itself, the command,
// the payload and the sum; the sum is over LEN to payload, least significant
// byte first.
func appendPacket(b []byte, cmd byte, payload ...byte) []byte {
	at := len(b) + 2
	b = append(b, 0x55, 0xaa, byte(len(payload)+4), cmd)
	b = append(b, payload...)
	return binary.LittleEndian.AppendUint16(b, sum(b[at:]))
}

func sum(b []byte) (s uint16) {
	for _, v := range b {
		s += uint16(v)
	}
	return s
}

// parsePacket checks a whole packet and returns its command and payload.
func parsePacket(b []byte) (cmd byte, payload []byte, err error) {
	if len(b) > 0 && b[0] == nak {
		return 0, nil, ErrRefused
	}
	if len(b) < 6 || b[0] != 0x55 || b[1] != 0xaa || int(b[2]) != len(b)-2 {
		return 0, nil, fmt.Errorf("% x is no packet", b)
	}
	end := len(b) - 2
	if got, want := binary.LittleEndian.Uint16(b[end:]), sum(b[2:end]); got != want {
		return 0, nil, fmt.Errorf("% x has the sum %#04x, want %#04x", b, got, want)
	}
	return b[3], b[4:end], nil
}

// Times of the supply: it answers after about 400 ms, and wants rest after an
// answer. Its bus is slow: each byte is handled by an interrupt.
const (
	answerTime = 400 * time.Millisecond
	pollTime   = 100 * time.Millisecond
	restTime   = 100 * time.Millisecond
)

// polls are how often each try looks for an answer that comes late: fewer each time,
// so that the last is over before Silence.
func polls() [3]int { return [...]int{3, 1, 0} }

// answerSize is the length of every answer that is used here: two bytes of payload.
const answerSize = 8

// do sends a command and returns the two payload bytes of its answer. The supply
// refuses packets now and then, so it tries three times.
func (s *Supply) do(ctx context.Context, cmd byte, payload ...byte) (uint16, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-s.lock }()
	var err error
	for _, polls := range polls() {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		var v uint16
		if v, err = s.once(ctx, polls, cmd, payload); err == nil {
			return v, sleep(ctx, restTime)
		}
	}
	return 0, fmt.Errorf("command %#02x: %w", cmd, err)
}

func (s *Supply) once(ctx context.Context, polls int, cmd byte, payload []byte) (uint16, error) {
	for _, b := range appendPacket(nil, cmd, payload...) {
		if err := s.dev.Tx([]byte{s.register, b}, nil); err != nil {
			return 0, err
		}
		time.Sleep(s.o.ByteTime) // the packet is ended whatever ctx says
	}
	if err := sleep(ctx, answerTime); err != nil {
		return 0, err
	}
	answer, err := s.read(ctx, polls)
	if err != nil {
		return 0, err
	}
	got, data, err := parsePacket(answer)
	switch {
	case err != nil:
		return 0, err
	case got != cmd || len(data) != 2:
		return 0, fmt.Errorf("% x does not answer it", answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	return binary.LittleEndian.Uint16(data), nil
}

// read takes the answer byte by byte. While the first is F5 the supply may still
// be working, so it asks a few times.
func (s *Supply) read(ctx context.Context, polls int) ([]byte, error) {
	var answer [answerSize]byte
	for poll := 0; ; poll++ {
		if err := s.dev.Tx([]byte{s.register}, answer[:1]); err != nil {
			return nil, err
		}
		if answer[0] != nak || poll == polls {
			break
		}
		if err := sleep(ctx, pollTime); err != nil {
			return nil, err
		}
	}
	if answer[0] == nak {
		return answer[:1], nil
	}
	for i := 1; i < answerSize; i++ {
		time.Sleep(s.o.ByteTime)
		if err := s.dev.Tx([]byte{s.register}, answer[i:i+1]); err != nil {
			return nil, err
		}
	}
	return answer[:], nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
