package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Find asks a line for its chips without knowing which they are: all of one
// model, and how many. The chips must be fresh from their reset and have power;
// the line is left at their first rate. BM1387 are not found, as their commands
// differ.
func Find(ctx context.Context, port Port) (Model, int, error) {
	if err := port.SetBaud(startBaud); err != nil {
		return 0, 0, fmt.Errorf("bm13xx: %w", err)
	}
	for range tries {
		for _, length := range [...]int{answerShort, answerLong} {
			m, n, noise, err := find(ctx, port, length)
			if err != nil || n > 0 && noise == 0 {
				return m, n, err
			}
		}
	}
	return 0, 0, errors.New("bm13xx: no chip answers well after reset: check supply, reset and cable")
}

// find takes answers of one length. What is left over tells whether it is the
// right one, which depends on the model and on what was written before.
func find(ctx context.Context, port Port, length int) (m Model, n int, noise uint64, err error) {
	if _, err := port.Write(WireFramed.Append(nil, Command{Op: OpRead, All: true, Reg: RegChipID})); err != nil {
		return 0, 0, 0, fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
	}
	reader := NewReader(port, length)
	for n <= 256 && ctx.Err() == nil {
		if err := port.SetReadDeadline(time.Now().Add(answerWait)); err != nil {
			return 0, 0, 0, fmt.Errorf("bm13xx: %w", err)
		}
		resp, err := reader.Next()
		if isTimeout(err) {
			return m, n, reader.Noise() + uint64(reader.end-reader.start), nil
		}
		if err != nil {
			return 0, 0, 0, fmt.Errorf("bm13xx: cannot read from the chips: %w", err)
		}
		id := Model(resp.Value >> 16)
		switch {
		case resp.Job || resp.Reg != RegChipID || !id.Known():
			continue
		case n > 0 && id != m:
			return 0, 0, 0, fmt.Errorf("bm13xx: %v and %v answer on one line", m, id)
		}
		m = id
		n++
	}
	return m, n, reader.Noise(), ctx.Err()
}
