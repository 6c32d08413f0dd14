package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// credentials are a user and password, or the file where the node writes its
// own at each start. The file is read at each call, so that a node may restart.
type credentials struct {
	user       string
	password   secret
	cookieFile string
}

// secret is a string behind a pointer, which prints as an address: fmt calls no
// methods on fields that are not exported.
type secret struct{ text *string }

// Format keeps the password out of logs, whatever the verb.
func (n Node) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "{%s user:%s cookie:%s}", redact(n.URL), n.User, n.CookieFile)
}

const maxCookie = 4096

// newCredentials are those of the Node, or else those in its URL.
func newCredentials(n Node, in *url.Userinfo) (credentials, error) {
	c := credentials{n.User, secret{&n.Password}, n.CookieFile}
	if in != nil && n.User == "" && n.CookieFile == "" {
		password, _ := in.Password()
		c.user, c.password = in.Username(), secret{&password}
	}
	switch {
	case c.cookieFile != "" && c.user != "":
		return c, fmt.Errorf("node: %s has a user and a cookie file: give one of them", redact(n.URL))
	case c.cookieFile == "" && c.user == "":
		return c, fmt.Errorf("node: %s needs a user and password, or a cookie file (.cookie in the node's data directory)", redact(n.URL))
	}
	return c, nil
}

// read gives what counts now.
func (c *credentials) read() (user, password string, err error) {
	if c.cookieFile == "" {
		return c.user, *c.password.text, nil
	}
	f, err := os.Open(c.cookieFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("cookie file %s is not there: the node writes it when it starts, below its data directory", c.cookieFile)
	}
	if err != nil {
		return "", "", fmt.Errorf("cookie file: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCookie))
	if err != nil {
		return "", "", fmt.Errorf("cookie file: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(raw)), ":")
	if !ok {
		return "", "", fmt.Errorf("cookie file %s does not hold user:password", c.cookieFile)
	}
	return user, password, nil
}

func (c *credentials) advice() string {
	if c.cookieFile != "" {
		return fmt.Sprintf("is cookie file %s that of this node?", c.cookieFile)
	}
	return "check user and password against rpcuser and rpcpassword (or rpcauth) of the node, or use its cookie file"
}
