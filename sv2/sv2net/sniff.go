package sv2net

import (
	"bytes"

	"github.com/lodefw/lode/sv2"
)

// sniff says what else than a Noise handshake the first bytes of a peer look like,
// nil if nothing else. Acts begin with bytes that look random, so one byte decides
// nothing: one honest peer in 256 begins with '{'. What is asked for here happens
// by chance less than once in 2^28 handshakes.
func sniff(b []byte) error {
	switch {
	case len(b) >= 6 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4 && (b[5] == 1 || b[5] == 2):
		return ErrTLS // handshake record, version 3.x, client or server hello
	case len(b) >= 7 && b[0] == 0x15 && b[1] == 3 && b[2] <= 4 && b[3] == 0 && b[4] == 2:
		return ErrTLS // alert record
	case looksPlain(b):
		return ErrPlain
	case !isText(b):
		return nil
	case b[0] == '{' || b[0] == '[':
		return ErrSv1
	case b[0] >= 'A' && b[0] <= 'Z' && (bytes.HasPrefix(b, []byte("HTTP/")) || bytes.Contains(b[:textSize], []byte(" /"))):
		return ErrHTTP
	}
	return nil
}

// isText says whether enough bytes have come to judge, and all are printable.
func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return len(b) >= textSize
}

// textSize is how many bytes of text are taken for text.
const textSize = 16

// looksPlain says whether b begins like SetupConnection or a server's answer to it.
func looksPlain(b []byte) bool {
	h, err := sv2.ParseHeader(b)
	return err == nil && h.Length > 0 && h.Length < 2048 &&
		(h.Type == sv2.TypeSetupConnection || h.Type == sv2.TypeSetupConnectionSuccess ||
			h.Type == sv2.TypeSetupConnectionError || h.Type == sv2.TypeReconnect)
}
