package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/jobdecl"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/template"
)

// newMessage knows the messages of all subprotocols.
func newMessage(t sv2.Type) sv2.Message {
	return sv2.FirstOf(mining.New, jobdecl.New, template.New, extension.New)(t)
}

var decodeHelp = cli.Help{
	Name:     "lodectl decode",
	Synopsis: "HEX... | FILE | -",
	About: `Shows frames (a header of 6 bytes and the payload, not encrypted) as JSON, one line
for each. They come as hex in the arguments, or from a file or standard input as
bytes or as hex; spaces, line breaks, colons and 0x in hex do not matter. Hashes and
targets are shown as people write them, the highest byte first; their keys end in _be.`,
	Examples: []cli.Example{
		{Line: "lodectl decode 008018100000010000000b6d61696e74656e616e6365 | jq .", What: "one frame"},
		{Line: "lodectl decode capture.bin", What: "a stream of frames"},
		{Line: "xxd -p frames.bin | lodectl decode -", What: "hex from another program"},
	},
}

func decode(ctx context.Context, s cli.IO, args []string) error {
	rest, err := cli.ParseFlags(s, decodeHelp, args, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return cli.Failf(cli.Usage, "nothing to decode: give hex, a file, or - for standard input")
	}
	in, closeIn, err := open(s, rest)
	if err != nil {
		return err
	}
	defer closeIn()
	return decodeStream(ctx, s, in)
}

// open finds out what the arguments mean.
func open(s cli.IO, args []string) (in io.Reader, closeIn func() error, err error) {
	nothing := func() error { return nil }
	if len(args) == 1 && args[0] == "-" {
		return unhex(s.In), nothing, nil
	}
	if len(args) == 1 {
		f, err := os.Open(args[0])
		if err == nil {
			return unhex(f), f.Close, nil
		}
		if !looksHex([]byte(args[0])) {
			return nil, nil, cli.Failf(cli.Usage, "%q is neither hex nor a file: %w", args[0], err)
		}
	}
	text := strings.Join(args, " ")
	if !looksHex([]byte(text)) {
		return nil, nil, cli.Failf(cli.Usage, "the arguments are not hex; for several files run decode for each")
	}
	return hex.NewDecoder(&hexDigits{r: strings.NewReader(text)}), nothing, nil
}

// unhex is r, decoded if it looks like hex. A frame as bytes always has some that no
// text has: the length's last byte is zero for all but the largest payloads.
func unhex(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	head, _ := b.Peek(sv2.HeaderSize * 2)
	if len(head) > 0 && looksHex(head) {
		return hex.NewDecoder(&hexDigits{r: b})
	}
	return b
}

// between may stand between hex digits.
const between = " \t\r\n:,_"

func looksHex(b []byte) bool {
	for _, c := range b {
		if !isHex(c) && c != 'x' && !strings.ContainsRune(between, rune(c)) {
			return false
		}
	}
	return len(b) > 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// hexDigits drops what may stand between digits, and the x and the 0 before it of 0x.
type hexDigits struct {
	r    io.Reader
	zero bool // a 0 was read that may begin a 0x
}

func (h *hexDigits) Read(p []byte) (int, error) {
	if len(p) < 2 { // one read digit and the 0 before it
		return 0, io.ErrShortBuffer
	}
	for {
		buf := make([]byte, len(p)/2)
		n, err := h.r.Read(buf)
		out := 0
		put := func(c byte) { p[out] = c; out++ }
		for _, c := range buf[:n] {
			switch {
			case c == 'x' && h.zero:
				h.zero = false
				continue
			case h.zero:
				put('0')
				h.zero = false
			}
			if h.zero = c == '0'; !h.zero && strings.IndexByte(between, c) < 0 {
				put(c)
			}
		}
		if err != nil && h.zero && out < len(p) {
			put('0')
			h.zero = false
		}
		if out > 0 || err != nil {
			return out, err
		}
	}
}

// decodeStream prints every frame. One that does not decode is printed as hex; the
// stream goes on behind it, and the end is an error.
func decodeStream(ctx context.Context, s cli.IO, in io.Reader) error {
	r := bufio.NewReader(in)
	bad, at := 0, 0
	for ctx.Err() == nil {
		f, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		line, err := f.JSON(newMessage)
		if err != nil {
			bad++
			fmt.Fprintf(s.Err, "lodectl: frame at byte %d: %v\n", at, err)
			if line, err = f.JSON(func(sv2.Type) sv2.Message { return nil }); err != nil {
				return err
			}
		}
		if _, err := s.Out.Write(append(line, '\n')); err != nil {
			return err
		}
		at += sv2.HeaderSize + len(f.Payload)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case bad > 0:
		return fmt.Errorf("%d frames did not decode; they are shown with their payload as hex", bad)
	case at == 0:
		return errors.New("nothing came: no frame to decode")
	}
	return nil
}

// readFrame gives io.EOF only where a frame could begin.
func readFrame(r io.Reader) (sv2.Frame, error) {
	var head [sv2.HeaderSize]byte
	n, err := io.ReadFull(r, head[:])
	if err == io.ErrUnexpectedEOF {
		return sv2.Frame{}, fmt.Errorf("a frame begins with %d bytes; only %d are left", len(head), n)
	}
	if err != nil {
		return sv2.Frame{}, err
	}
	h, err := sv2.ParseHeader(head[:])
	if err != nil {
		return sv2.Frame{}, err
	}
	// Grows with what comes, not with what the header claims.
	var payload bytes.Buffer
	got, err := io.CopyN(&payload, r, int64(h.Length))
	if err == io.EOF {
		return sv2.Frame{}, fmt.Errorf("the header says %d bytes of payload, %d came; is the stream encrypted, or cut?", h.Length, got)
	}
	return sv2.Frame{Type: h.Type, Payload: payload.Bytes()}, err
}

var encodeHelp = cli.Help{
	Name:     "lodectl encode",
	Synopsis: "[-binary] [JSON... | -]",
	About: `Makes frames from what decode prints: a JSON object for each, in the arguments or on
standard input. "message" and the fields that are not zero are enough.`,
	Examples: []cli.Example{
		{Line: `lodectl encode '{"message":"CloseChannel","channel_id":1,"reason_code":"maintenance"}'`, What: "as a line of hex"},
		{Line: "lodectl decode capture.bin | lodectl encode -binary - >copy.bin", What: "there and back"},
	},
}

func encode(ctx context.Context, s cli.IO, args []string) error {
	var binary bool
	rest, err := cli.ParseFlags(s, encodeHelp, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&binary, "binary", false, "write bytes, not lines of hex")
	})
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return cli.Failf(cli.Usage, "nothing to encode: give JSON, or - for standard input")
	}
	var in io.Reader = strings.NewReader(strings.Join(rest, "\n"))
	if rest[0] == "-" && len(rest) == 1 {
		in = s.In
	}
	return encodeStream(ctx, s, in, binary)
}
