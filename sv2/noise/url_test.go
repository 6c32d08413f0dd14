package noise

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		text, host string
		port       uint16
		protocol   Protocol
		key        bool
	}{
		{"stratum2+tcp://pool.example:34254/" + demoPublic, "pool.example", 34254, Sv2, true},
		{"STRATUM2+TCP://pool.example:1/" + demoPublic, "pool.example", 1, Sv2, true},
		{"stratum2+tcp://[2001:db8::1]:65535/" + demoPublic, "2001:db8::1", 65535, Sv2, true},
		{"stratum2+tcp://[fe80::1%eth0]:3333", "fe80::1%eth0", 3333, Sv2, false},
		{"stratum2+tcp://192.168.0.2:3333/", "192.168.0.2", 3333, Sv2, false},
		{"my_pool:34254", "my_pool", 34254, Sv2, false},
		{"pool.example:34254/" + demoPublic, "pool.example", 34254, Sv2, true},
		{"stratum+tcp://pool.example:3333", "pool.example", 3333, Sv1, false},
		{"stratum+tls://pool.example:443/", "pool.example", 443, Sv1TLS, false},
	} {
		u, err := ParseURL(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if u.Host != c.host || u.Port != c.port || u.Protocol != c.protocol || u.HasKey != c.key {
			t.Errorf("%s: %+v", c.text, u)
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Errorf("%s: its text %v is read as %+v, %v", c.text, u, again, err)
		}
	}
}

func TestBadURLs(t *testing.T) {
	for _, text := range []string{
		"", "/", ":", "://", "stratum2+tcp://", "stratum2+tcp://:34254", "stratum2+tcp://pool.example",
		"stratum2+tcp://pool.example/" + demoPublic, "stratum2+tcp://pool.example:/" + demoPublic,
		"stratum2+tcp://pool.example:abc", "stratum2+tcp://pool.example:-1", "stratum2+tcp://pool.example:+1",
		"stratum2+tcp://pool.example:34254/" + demoPublic + "/", "stratum2+tcp://pool.example:34254/" + demoPublic + "?x=1",
		"stratum2+tcp://user@pool.example:34254", "stratum2+tcp://pool example:34254", "stratum2+tcp://pool\n:34254",
		"stratum2+tcp://2001:db8::1:34254", "stratum2+tcp://[pool]:34254", "stratum2+tcp://[::1:34254", "stratum2+tcp://::1]:34254",
		"stratum2+tcp://[::1]", "stratum2+ssl://pool.example:34254", "stratum+tcp://pool.example:3333/x",
		"stratum2+tcp://" + strings.Repeat("a", 300) + ":34254", "stratum2+tcp://pool.example:34254/" + demoSecret,
	} {
		if u, err := ParseURL(text); err == nil {
			t.Errorf("%q is read as %+v", text, u)
		} else if len(err.Error()) > 400 {
			t.Errorf("%.20q...: message of %d bytes", text, len(err.Error()))
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"stratum2+tcp://pool.example:34254/" + demoPublic, "stratum2+tcp://[::1]:1", "stratum+ssl://a:443", "a:1/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		if u.Port == 0 || u.Host == "" {
			t.Fatalf("%q is read as %+v", text, u)
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Errorf("%q: its text %v is read as %+v, %v", text, u, again, err)
		}
	})
}
