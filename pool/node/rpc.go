package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Bounds of an answer. The largest valid template is four million weight units,
// twice that in hex, and a few fields for each transaction.
const (
	maxAnswer   = 1 << 20
	maxTemplate = 48 << 20
)

// client calls one node by JSON-RPC over HTTP.
type client struct {
	name    string // host and port, for messages
	url     string
	auth    credentials
	http    *http.Client
	timeout time.Duration
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func newClient(n Node, timeout time.Duration, dial dialFunc) (*client, error) {
	u, err := url.Parse(n.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("node: %q is no URL like http://127.0.0.1:8332", redact(n.URL))
	}
	auth, err := newCredentials(n, u.User)
	if err != nil {
		return nil, err
	}
	u.User = nil
	transport := &http.Transport{
		DialContext:         dial,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     20 * time.Second, // nodes close idle connections after 30 s
		TLSHandshakeTimeout: 2 * time.Second,
	}
	if n.CAFile != "" {
		if transport.TLSClientConfig, err = trust(n.CAFile); err != nil {
			return nil, err
		}
	}
	return &client{
		name: u.Host, url: u.String(), auth: auth, timeout: timeout,
		http: &http.Client{Transport: transport},
	}, nil
}

// redact keeps a password in a URL out of messages.
func redact(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "(unreadable)"
}

func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("node: certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("node: certificate: %s holds no PEM certificate", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

type request struct {
	JSONRPC string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

// call is one request within the client's time limit. The answer goes into
// result, a pointer.
func (c *client) call(ctx context.Context, result any, method string, params ...any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.callLong(ctx, maxAnswer, result, method, params...)
}

// callLong has only ctx for a time limit, and limit bytes for the answer.
func (c *client) callLong(ctx context.Context, limit int64, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(request{"1.0", 1, method, params})
	if err != nil {
		return fmt.Errorf("node: %s: %w", method, err)
	}
	err = c.try(ctx, limit, result, body)
	if errors.Is(err, errUnauthorized) && c.auth.cookieFile != "" {
		// The node may have been started anew after we had read its cookie.
		err = c.try(ctx, limit, result, body)
	}
	if err != nil {
		return fmt.Errorf("node %s: %s: %w", c.name, method, c.explain(ctx, err))
	}
	return nil
}

func (c *client) try(ctx context.Context, limit int64, result any, body []byte) error {
	user, password, err := c.auth.read()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return err
	}
	if int64(len(raw)) > limit {
		return fmt.Errorf("answer of more than %d bytes", limit)
	}
	return parseAnswer(resp.StatusCode, raw, result)
}

// parseAnswer also looks into the body of a failed request: nodes answer a call
// that failed with status 500 and the reason.
func parseAnswer(status int, raw []byte, result any) error {
	switch status {
	case http.StatusUnauthorized:
		return errUnauthorized
	case http.StatusForbidden:
		return errForbidden
	}
	answer := struct {
		Result any             `json:"result"`
		Error  json.RawMessage `json:"error"`
	}{Result: result}
	err := json.Unmarshal(raw, &answer)
	if e := parseError(answer.Error); e != nil {
		return e
	}
	if status != http.StatusOK {
		return fmt.Errorf("HTTP status %d: %.200q", status, raw)
	}
	if err != nil {
		return fmt.Errorf("the answer is not what a Bitcoin node says (%w): %.100q", err, raw)
	}
	if answer.Error == nil && !bytes.Contains(raw, []byte(`"result"`)) {
		return fmt.Errorf("the answer is not what a Bitcoin node says: %.100q", raw)
	}
	return nil
}

func parseError(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var e rpcError
	if json.Unmarshal(raw, &e) != nil {
		e.Message = fmt.Sprintf("%.200s", raw)
	}
	return &e
}
