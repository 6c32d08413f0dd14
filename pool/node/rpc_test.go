package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newTestClient(t *testing.T, n Node) *client {
	t.Helper()
	c, err := newClient(n, time.Minute, (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

func TestCallErrors(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"401":          {answer(401, ""), "check user and password"},
		"403":          {answer(403, "<html>"), "rpcallowip"},
		"busy":         {answer(503, "Work queue depth exceeded"), "Work queue depth exceeded"},
		"warming up":   {answer(500, `{"result":null,"error":{"code":-28,"message":"Loading block index"}}`), "still starting"},
		"downloading":  {answer(500, `{"result":null,"error":{"code":-10,"message":"initial sync"}}`), "still downloading"},
		"no peers":     {answer(500, `{"result":null,"error":{"code":-9,"message":"not connected"}}`), "no peers"},
		"other":        {answer(404, `{"result":null,"error":{"code":-32601,"message":"Method not found"}}`), "Method not found"},
		"odd error":    {answer(200, `{"result":null,"error":"boom"}`), "boom"},
		"html":         {answer(200, "<html>router login</html>"), "not what a Bitcoin node says"},
		"empty":        {answer(200, ""), "not what a Bitcoin node says"},
		"empty object": {answer(200, "{}"), "not what a Bitcoin node says"},
		"other type":   {answer(200, `{"result":{"a":1},"error":null}`), "not what a Bitcoin node says"},
		"huge":         {answer(200, `{"result":"`+strings.Repeat("x", maxAnswer)+`","error":null}`), "more than"},
		"deep":         {answer(200, strings.Repeat("[", 100_000)), "not what a Bitcoin node says"},
		"hangs up": {func(w http.ResponseWriter, r *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, "has it stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			c := newTestClient(t, Node{URL: server.URL, User: "u", Password: "hunter2"})
			var result string
			err := c.call(t.Context(), &result, "getbestblockhash")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("call = %.300v, want an error with %q", err, test.want)
			}
			if !strings.Contains(err.Error(), c.name) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v: want the node's name in it, and no password", err)
			}
		})
	}
}

func TestCallNobodyThere(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c := newTestClient(t, Node{URL: server.URL, User: "u"})
	if err := c.call(t.Context(), nil, "uptime"); err == nil || !strings.Contains(err.Error(), "is the node running") {
		t.Errorf("call = %v", err)
	}
}

func TestCallTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	c := newTestClient(t, Node{URL: server.URL, User: "u"})
	c.timeout = 20 * time.Millisecond
	if err := c.call(t.Context(), nil, "uptime"); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("call = %v", err)
	}
}

func TestTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"result":"yes","error":null}`) })
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	c := newTestClient(t, Node{URL: strings.Replace(server.URL, "https", "http", 1), User: "u"})
	if err := c.call(t.Context(), nil, "uptime"); err == nil || !strings.Contains(err.Error(), "speaks TLS") {
		t.Errorf("plain call of a TLS node = %v", err)
	}
	c = newTestClient(t, Node{URL: server.URL, User: "u"})
	if err := c.call(t.Context(), nil, "uptime"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("call with an unknown certificate = %v", err)
	}
	file := filepath.Join(t.TempDir(), "rpc.cert")
	if err := os.WriteFile(file, pemOf(server), 0o600); err != nil {
		t.Fatal(err)
	}
	c = newTestClient(t, Node{URL: server.URL, User: "u", CAFile: file})
	var result string
	if err := c.call(t.Context(), &result, "uptime"); err != nil || result != "yes" {
		t.Errorf("call with the node's certificate = %q, %v", result, err)
	}
}

func TestCookie(t *testing.T) {
	password := "first"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != "__cookie__" || p != password {
			w.WriteHeader(401)
			return
		}
		io.WriteString(w, `{"result":"yes","error":null}`)
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), ".cookie")
	c := newTestClient(t, Node{URL: server.URL, CookieFile: file})
	call := func() error { return c.call(t.Context(), nil, "uptime") }
	if err := call(); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("without a file: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("__cookie__:first")
	if err := call(); err != nil {
		t.Fatal(err)
	}
	password = "second" // the node was started anew
	if err := call(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("with an old cookie: %v", err)
	}
	write("__cookie__:second\n")
	if err := call(); err != nil {
		t.Errorf("with the new cookie: %v", err)
	}
	write(strings.Repeat("x", 1<<20))
	if err := call(); err == nil || !strings.Contains(err.Error(), "user:password") {
		t.Errorf("with a file of something else: %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	n := Node{URL: "http://u:hunter2@host", User: "u", Password: "hunter2"}
	c := newTestClient(t, n)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{n, &n, c.auth, &c.auth, Config{Nodes: []Node{n}}} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
				t.Errorf("%s of %T: %s", format, v, text)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"result":"x","error":null,"id":1}`))
	f.Add(500, []byte(`{"result":null,"error":{"code":-28,"message":"Loading"},"id":1}`))
	f.Add(200, []byte(`{"error":"text"}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		var result string
		if err := parseAnswer(status, raw, &result); err == nil && status != 200 {
			t.Errorf("status %d is no error", status)
		}
	})
}

func TestCancelledCallSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newTestClient(t, Node{URL: "http://127.0.0.1:1", User: "u"})
	if err := c.call(ctx, nil, "uptime"); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("call = %v", err)
	}
}
