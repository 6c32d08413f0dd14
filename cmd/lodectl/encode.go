package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2"
)

// encodeStream writes a frame for each JSON value.
func encodeStream(ctx context.Context, s cli.IO, in io.Reader, binary bool) error {
	d := json.NewDecoder(in)
	for n := 1; ctx.Err() == nil; n++ {
		var value json.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("value %d: %w", n, err)
		}
		f, err := sv2.ParseFrame(value, newMessage)
		if err != nil {
			return fmt.Errorf("value %d: %w", n, err)
		}
		if len(f.Payload) > sv2.MaxPayload {
			return fmt.Errorf("value %d: payload of %d bytes, at most %d fit a frame", n, len(f.Payload), sv2.MaxPayload)
		}
		b := append(sv2.Header{Type: f.Type, Length: len(f.Payload)}.Append(nil), f.Payload...)
		if !binary {
			b = fmt.Appendf(nil, "%x\n", b)
		}
		if _, err := s.Out.Write(b); err != nil {
			return err
		}
	}
	return ctx.Err()
}
