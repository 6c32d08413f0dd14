package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

var (
	errUnauthorized = errors.New("user or password refused")
	errForbidden    = errors.New("the node does not serve this machine's address: see its option rpcallowip")
)

// rpcError is a node's own reason.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// Codes that mean a state of the node, not a mistake of ours.
const (
	codeNotFound     = -5
	codeNotConnected = -9
	codeDownloading  = -10
	codeWarmingUp    = -28
)

// explain adds what to do about an error.
func (c *client) explain(ctx context.Context, err error) error {
	var rpc *rpcError
	var timeout net.Error
	switch {
	case errors.Is(err, errUnauthorized):
		return fmt.Errorf("%w: %s", err, c.auth.advice())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connection refused: is the node running, with server=1 and its rpcport and rpcbind as here? (%w)", err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the node closed the connection: has it stopped? (%w)", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no answer in time: is the node overloaded or unreachable? (%w)", err)
	case errors.As(err, &rpc):
		return rpc.explain()
	case strings.Contains(err.Error(), "HTTP request to an HTTPS server"), strings.Contains(err.Error(), "malformed HTTP response"):
		return fmt.Errorf("the node speaks TLS: use https:// and its certificate, or start it without TLS (%w)", err)
	}
	return err
}

func (e *rpcError) explain() error {
	switch e.Code {
	case codeNotConnected:
		return fmt.Errorf("the node has no peers yet: %w", e)
	case codeDownloading:
		return fmt.Errorf("the node is still downloading the chain: %w", e)
	case codeWarmingUp:
		return fmt.Errorf("the node is still starting: %w", e)
	}
	return e
}
