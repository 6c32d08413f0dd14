//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// dial connects to a socket of QEMU's.
func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(bootWithin))
	return c
}

// newMonitor returns a guest whose console is what QEMU tells of the machine itself,
// line by line (docs/interop/qmp-spec of QEMU).
func newMonitor(t *testing.T, path string) *guest {
	t.Helper()
	c := dial(t, path)
	c.SetDeadline(time.Time{})
	g := &guest{console: newReel(c)}
	t.Cleanup(func() {
		c.Close()
		<-g.console.done
	})
	fmt.Fprintln(c, `{"execute": "qmp_capabilities"}`)
	g.until(t, `"return"`, bootWithin)
	return g
}

// hang has the guest's processor go round in one instruction, with its interrupts
// masked, as a debugger on its pins could: no process runs any more, nor the kernel.
func hang(t *testing.T, gdb string) {
	t.Helper()
	c := dial(t, gdb) // the machine stops for a debugger
	defer c.Close()
	d := &debugger{c, bufio.NewReader(c)}
	d.ask(t, "qXfer:features:read:target.xml:0,400") // registers are numbered as it says
	for _, ask := range []string{
		"P19=d3010000",         // CPSR: supervisor; A, I and F masked
		"Mffff0018,4:feffffea", // b . where interrupts begin, which is mapped always
		"Pf=1800ffff",          // the program counter: there
		"D",                    // go on without a debugger
	} {
		if got := d.ask(t, ask); got != "OK" {
			t.Fatalf("%s: the debugger's answer is %q", ask, got)
		}
	}
}

// debugger speaks GDB's remote protocol: $text#sum, answered with + and the same.
type debugger struct {
	net.Conn
	in *bufio.Reader
}

func (d *debugger) ask(t *testing.T, text string) string {
	t.Helper()
	sum := byte(0)
	for _, b := range []byte(text) {
		sum += b
	}
	if _, err := fmt.Fprintf(d, "$%s#%02x", text, sum); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := d.in.ReadString('#')
		if err == nil {
			_, err = d.in.Discard(2)
		}
		if err == nil {
			_, err = d.Write([]byte("+"))
		}
		if err != nil {
			t.Fatalf("debugger: %q: %v", text, err)
		}
		_, got, _ = strings.Cut(strings.TrimSuffix(got, "#"), "$")
		if !strings.HasPrefix(got, "T") { // it tells by itself that the machine has stopped
			return got
		}
	}
}
