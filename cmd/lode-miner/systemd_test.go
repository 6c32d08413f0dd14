package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "60000000"}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	told := func(want string) {
		t.Helper()
		b := make([]byte, 64)
		n, err := l.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Fatalf("told %q, %v; want %q", b[:n], err, want)
		}
	}
	dog, err := (&config{}).watchdog(getenv)()
	if err != nil {
		t.Fatal(err)
	}
	told("READY=1")
	if dog.Timeout() != 30*time.Second {
		t.Errorf("Timeout = %v", dog.Timeout())
	}
	if err := dog.Feed(); err != nil {
		t.Error(err)
	}
	told("WATCHDOG=1")
	if err := dog.Disarm(); err != nil {
		t.Error(err)
	}
	told("STOPPING=1")

	env["NOTIFY_SOCKET"] = socket + "-none"
	if _, err := (&config{}).watchdog(getenv)(); err == nil {
		t.Error("no supervisor at NOTIFY_SOCKET, and no error")
	}
	delete(env, "NOTIFY_SOCKET")
	if (&config{}).watchdog(getenv) != nil {
		t.Error("a watchdog, though nobody named one")
	}
}
