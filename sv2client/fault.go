package sv2client

import (
	"errors"
	"fmt"
)

// A Kind says why a pool was left.
type Kind uint8

// Kinds of fault. Each has a bounded time in which it is noticed: see Limits.
const (
	Unreachable    Kind = iota + 1 // refused, no such host, no route, or no answer to TCP
	Handshake                      // the noise handshake failed or took too long
	WrongKey                       // the server's certificate is not signed by the pool's authority key
	BadCertificate                 // expired, not valid yet or of an unknown version
	Refused                        // SetupConnection or the channel was refused
	Unanswered                     // no answer to SetupConnection or Open, or no first job
	Silent                         // it mined, but no job came for too long
	Disconnected                   // the connection broke or was closed by the pool
	Violation                      // it broke the protocol
	Rejecting                      // it rejects all or most shares
	Stale                          // its jobs do not follow the chain
	Unacknowledged                 // it does not answer shares
	ChannelClosed                  // it closes the channel again and again
	Redirected                     // it sends us from server to server
)

var kinds = [...]struct{ name, advice string }{
	Unreachable:    {"unreachable", "is the pool running at this host and port, and does a firewall let us through?"},
	Handshake:      {"handshake", "is this the Stratum V2 port of the pool, with encryption? An Sv1 or plain port does not answer the handshake"},
	WrongKey:       {"wrong key", "compare the key at the end of the URL with the one that the pool publishes; if it is right, somebody is in between"},
	BadCertificate: {"bad certificate", "check this machine's clock; if it is right, the pool must renew its certificate"},
	Refused:        {"refused", "check the user name; the code in the error is the pool's reason"},
	Unanswered:     {"unanswered", "the pool accepts connections but does not serve them; ask its operator"},
	Silent:         {"silent", "the pool stopped sending jobs; ask its operator"},
	Disconnected:   {"disconnected", "if this repeats, the network or the pool is unstable; one that hangs up at once may want encryption: give its URL with the key"},
	Violation:      {"protocol violation", "the pool does not speak Stratum V2 as we do; report it with the log of -v"},
	Rejecting:      {"rejecting shares", "the reasons are under rejected; stale-share means a slow connection, difficulty-too-low or invalid-share a bug"},
	Stale:          {"stale jobs", "the pool lost touch with the chain; its operator must look at its node"},
	Unacknowledged: {"unacknowledged shares", "the pool takes shares and does not answer; ask its operator"},
	ChannelClosed:  {"channel closed", "the pool closes our channel; the code in the error is its reason"},
	Redirected:     {"redirected", "the pool's servers send us on without end; ask its operator"},
}

// String is the kind's name for people.
func (k Kind) String() string {
	if int(k) < len(kinds) && k > 0 {
		return kinds[k].name
	}
	return "unknown"
}

// Advice is what a person can do about it.
func (k Kind) Advice() string {
	if int(k) < len(kinds) {
		return kinds[k].advice
	}
	return ""
}

// verdict says whether the pool looked well but was of no use, so that trying it
// again at once would fool us again.
func (k Kind) verdict() bool {
	switch k {
	case Silent, Rejecting, Stale, Unacknowledged, ChannelClosed, Redirected:
		return true
	}
	return false
}

// A Fault is why a connection ended.
type Fault struct {
	Kind Kind
	Err  error
}

// Error is the cause, with the kind's name in front.
func (f *Fault) Error() string { return fmt.Sprintf("sv2client: %s: %v", f.Kind, f.Err) }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

func faultf(k Kind, format string, args ...any) *Fault {
	return &Fault{k, fmt.Errorf(format, args...)}
}

// ErrWrongKeys is what Run ends with if no pool of the list has the key that its URL
// gives and none ever had: a mistake in the configuration that trying again does not
// cure. Once a pool has shown the right key, a wrong one is answered by backing off.
var ErrWrongKeys = errors.New("sv2client: no pool has the key that its URL gives")
