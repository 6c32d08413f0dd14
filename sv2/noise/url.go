package noise

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is what a URL's scheme asks for. Sv1 ones are recognised, so that a
// program can say what it cannot do, or do it.
type Protocol uint8

// Schemes in use.
const (
	Sv2    Protocol = iota // stratum2+tcp
	Sv1                    // stratum+tcp
	Sv1TLS                 // stratum+ssl, stratum+tls
)

// String is sv2, sv1 or sv1-tls.
func (p Protocol) String() string {
	switch p {
	case Sv2:
		return "sv2"
	case Sv1:
		return "sv1"
	case Sv1TLS:
		return "sv1-tls"
	}
	return "Protocol(" + strconv.Itoa(int(p)) + ")"
}

// schemes maps each spelling; the first of a protocol is the one that is written.
func schemes() []struct {
	name string
	p    Protocol
} {
	return []struct {
		name string
		p    Protocol
	}{{"stratum2+tcp", Sv2}, {"stratum+tcp", Sv1}, {"stratum+ssl", Sv1TLS}, {"stratum+tls", Sv1TLS}}
}

// URL names a pool: stratum2+tcp://host:port/KEY (4.7). Without a key nobody can
// tell who answers, so it does for plain connections in a local network only.
type URL struct {
	Protocol Protocol
	Host     string // name or address, IPv6 without brackets
	Port     uint16
	Key      PublicKey
	HasKey   bool
}

// ParseURL reads a URL. The port must be there: the spec has no default. A bare
// host:port is taken for stratum2+tcp without a key.
func ParseURL(text string) (URL, error) {
	u, err := parseURL(text)
	if err != nil {
		return URL{}, fmt.Errorf("noise: pool URL %q: %w", clip(text), err)
	}
	return u, nil
}

// clip keeps error messages short.
func clip(s string) string {
	if len(s) > 160 {
		return s[:160] + "..."
	}
	return s
}

func parseURL(text string) (u URL, err error) {
	rest := text
	if scheme, after, ok := strings.Cut(text, "://"); ok {
		if u.Protocol, err = parseScheme(scheme); err != nil {
			return u, err
		}
		rest = after
	}
	authority, path, _ := strings.Cut(rest, "/")
	if u.Host, u.Port, err = splitHostPort(authority); err != nil {
		return u, err
	}
	if u.Protocol != Sv2 && path != "" {
		return u, errors.New("a Stratum V1 URL ends after the port")
	}
	if path != "" {
		u.Key, err = ParsePublicKey(path)
		u.HasKey = true
	}
	return u, err
}

func parseScheme(name string) (Protocol, error) {
	for _, s := range schemes() {
		if strings.EqualFold(name, s.name) {
			return s.p, nil
		}
	}
	return 0, errors.New("unknown scheme, want stratum2+tcp://host:port/KEY")
}

// splitHostPort reads host:port, [IPv6]:port.
func splitHostPort(s string) (host string, port uint16, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return "", 0, errors.New("no port, want host:port (34254 is customary for Stratum V2)")
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || n == 0 || s[i+1] == '+' {
		return "", 0, fmt.Errorf("port %q is not a number from 1 to 65535", clip(s[i+1:]))
	}
	host = s[:i]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if !closed || strings.Count(inner, ":") < 2 || !allIn(inner, isAddress) {
			return "", 0, errors.New("brackets without an IPv6 address in them")
		}
		return inner, uint16(n), nil
	}
	if host == "" || len(host) > 253 || !allIn(host, isHost) {
		return "", 0, errors.New("host is missing, too long or has characters that no host has")
	}
	return host, uint16(n), nil
}

func allIn(s string, ok func(c byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// isHost allows what names and IPv4 addresses are made of; bytes beyond ASCII too,
// for names that the resolver may know.
func isHost(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c >= 0x80
}

// isAddress allows what IPv6 addresses and their zones are made of.
func isAddress(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte(":.%-_", c) >= 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Address is host:port, as dialers want it.
func (u URL) Address() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(u.Port))
}

// String is the URL's text form.
func (u URL) String() string {
	text := ""
	for _, s := range schemes() {
		if s.p == u.Protocol {
			text = s.name + "://" + u.Address()
			break
		}
	}
	if u.HasKey {
		text += "/" + u.Key.String()
	}
	return text
}

// MarshalText gives the text form.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the text form.
func (u *URL) UnmarshalText(text []byte) (err error) {
	*u, err = ParseURL(string(text))
	return err
}
