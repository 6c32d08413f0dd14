package dspic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrAnswer says that the controller answered, but not what it should.
var ErrAnswer = errors.New("wrong answer")

// appendFrame adds 55 AA LEN CMD payload SUM16: LEN counts itself, the command,
// the payload and the sum; the sum is over LEN to payload, most significant byte
// first (bmminer driver-btm-c5.c).
func appendFrame(b []byte, cmd byte, payload ...byte) []byte {
	at := len(b) + 2
	b = append(b, 0x55, 0xaa, byte(len(payload)+4), cmd)
	b = append(b, payload...)
	return binary.BigEndian.AppendUint16(b, sum(b[at:]))
}

func sum(b []byte) (s uint16) {
	for _, v := range b {
		s += uint16(v)
	}
	return s
}

// parseVersion reads the answer 05 17 version sum16.
func parseVersion(b []byte) (byte, error) {
	if len(b) != 5 || b[0] != 5 || b[1] != cmdVersion {
		return 0, fmt.Errorf("%w % x to the version command, want 05 17 and three bytes", ErrAnswer, b)
	}
	if got, want := binary.BigEndian.Uint16(b[3:]), sum(b[:3]); got != want {
		return 0, fmt.Errorf("%w: sum of % x is %#04x", ErrAnswer, b, want)
	}
	return b[2], nil
}

// echo checks an answer of command and status.
func echo(cmd, status byte) func([]byte) error {
	return func(b []byte) error {
		if len(b) != 2 || b[0] != cmd || b[1] != status {
			return fmt.Errorf("%w % x, want %02x %02x", ErrAnswer, b, cmd, status)
		}
		return nil
	}
}

// alive checks the six bytes that answer a heartbeat: length, command, 01.
func alive(b []byte) error {
	if len(b) != 6 || b[1] != cmdHeartbeat || b[2] != 1 {
		return fmt.Errorf("%w % x to the heartbeat, want xx 16 01 and three bytes", ErrAnswer, b)
	}
	return nil
}

// The controller needs from 10 ms (enable) to 500 ms (heartbeat) to answer,
// depending on firmware: each try waits longer.
func waits() [3]time.Duration {
	return [3]time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}
}

// do sends a command and reads an answer of n bytes until check takes it, at
// most three times. Each byte is its own transaction.
func (c *Controller) do(ctx context.Context, cmd byte, payload []byte, n int, check func([]byte) error) error {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.lock }()
	var err error
	for _, wait := range waits() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = c.once(ctx, appendFrame(nil, cmd, payload...), wait, n, check); err == nil {
			return nil
		}
	}
	return fmt.Errorf("command %#02x: %w", cmd, err)
}

func (c *Controller) once(ctx context.Context, frame []byte, wait time.Duration, n int, check func([]byte) error) error {
	for i := range frame {
		if err := c.dev.Tx(frame[i:i+1], nil); err != nil {
			return err
		}
	}
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	answer := make([]byte, n)
	for i := range answer {
		if err := c.dev.Tx(nil, answer[i:i+1]); err != nil {
			return err
		}
	}
	return check(answer)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
