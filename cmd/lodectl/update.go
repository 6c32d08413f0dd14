package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
	"github.com/lodefw/lode/internal/cli"
)

var updateHelp = cli.Help{
	Name:     "lodectl update",
	Synopsis: "ADDRESS FILE",
	About: `Sends new firmware to a board that runs lode from a card: the file BOARD.update that
"make firmware" made. The board checks who signed it, that it is for this kind of board
and not older than what runs, and only then writes it to the slot that does not run. It
starts the new firmware at once, and goes back to the old one by itself if the new one
does no accepted work.

Without a network: copy the file to the card's first partition as update.tar.`,
	Examples: []cli.Example{
		{Line: "lodectl update 192.168.1.20 bin/firmware/sunxi-h3/sunxi-h3.update", What: "port 7781 unless you name another"},
	},
}

// sendWithin bounds each step of an update: each piece that is sent, and then the
// answer, before which the board writes its card and reads it back.
const sendWithin = 2 * time.Minute

func sendUpdate(ctx context.Context, s cli.IO, args []string) error {
	rest, err := cli.ParseFlags(s, updateHelp, args, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return cli.Failf(cli.Usage, "update takes the board's address and the file; lodectl update -h has an example")
	}
	f, err := os.Open(rest[1])
	if err != nil {
		return cli.Fail(cli.Config, err)
	}
	defer f.Close()
	// Looked at here first: a cut file is told without the way over the network.
	b, err := slot.ReadBundle(f, func(m, _ []byte) (*update.Manifest, error) { return update.Parse(m) })
	if err != nil {
		return cli.Failf(cli.Config, "%s: %w", rest[1], err)
	}
	fmt.Fprintf(s.Out, "%s %v, %d bytes\n", b.Manifest.Board, b.Manifest.Version, len(b.Image))
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	answer, err := exchange(ctx, rest[0], f)
	if err != nil {
		return err
	}
	fmt.Fprint(s.Out, answer)
	if !strings.HasPrefix(answer, "ok") {
		return errors.New("the board did not take it")
	}
	return nil
}

// patient waits for each write anew: a board takes 16 KiB a second too.
type patient struct{ net.Conn }

// Write is part of io.Writer.
func (p patient) Write(b []byte) (int, error) {
	p.SetWriteDeadline(time.Now().Add(sendWithin))
	return p.Conn.Write(b)
}

// exchange sends a file and returns the board's answer.
func exchange(ctx context.Context, address string, f io.Reader) (string, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, fmt.Sprint(pid1.UpdatePort))
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("%w; does the board run lode from a card with two slots?", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	// A board that refuses may not want the rest: then its answer says why.
	_, sendErr := io.Copy(patient{c}, f)
	if t, ok := c.(*net.TCPConn); ok {
		t.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(sendWithin))
	answer, err := io.ReadAll(io.LimitReader(c, 4096))
	if len(answer) > 0 {
		return string(answer), nil
	}
	return "", fmt.Errorf("the board has not answered: %w", errors.Join(sendErr, err, io.ErrUnexpectedEOF))
}
