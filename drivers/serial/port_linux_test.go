package serial

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a pseudo-terminal: the path of its slave, and its master.
func pty(t testing.TB) (master *os.File, path string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() }) // a test may have closed it
	var n uint32
	control(t, master, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		v, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
		n = v
		return err
	})
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

func control(t testing.TB, f *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	if err := errors.Join(raw.Control(func(fd uintptr) { inner = do(int(fd)) }), inner); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, baud int) (*os.File, *Port) {
	t.Helper()
	master, path := pty(t)
	p, err := Open(path, baud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return master, p
}

// The other end of the line sees the rate that was set, odd ones too. Under
// qemu-user, which stops at 460800, any other is a clear error and changes nothing.
func TestRates(t *testing.T) {
	master, p := open(t, 115200)
	for _, baud := range []int{115200, 1000000, 1041667, 1562500, 3125000, 6250000, 9600, 3000000, 460800} {
		err := p.SetBaud(baud)
		if p.old && baud > 460800 {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("cannot set %d baud", baud)) {
				t.Errorf("%d baud without TCSETS2: %v", baud, err)
			}
			continue
		}
		if err != nil || p.Baud() != baud {
			t.Errorf("SetBaud(%d) = %v, Baud is %d", baud, err, p.Baud())
		}
		if got := speed(t, master, p.old); got != uint32(baud) {
			t.Errorf("the master sees %d baud, want %d", got, baud)
		}
	}
	for _, baud := range []int{0, -1, 1 << 30} {
		if err := p.SetBaud(baud); err == nil {
			t.Errorf("SetBaud(%d) succeeds", baud)
		}
	}
}

// speed is the rate at the pty's master.
func speed(t *testing.T, master *os.File, old bool) (baud uint32) {
	t.Helper()
	control(t, master, func(fd int) error {
		if !old {
			s, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
			if err == nil {
				baud = s.Ospeed
			}
			return err
		}
		s, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		for _, want := range []uint32{9600, 115200, 460800} {
			if code, ok := standard(want); ok && s.Cflag&unix.CBAUD == code {
				baud = want
			}
		}
		return nil
	})
	return baud
}

// All byte values pass both ways as they are.
func TestRaw(t *testing.T) {
	master, p := open(t, 460800)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if _, err := p.Write(all); err != nil {
		t.Fatal(err)
	}
	if got := read(t, master, len(all)); !bytes.Equal(got, all) {
		t.Errorf("out: % x", got)
	}
	if _, err := master.Write(all); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p, len(all)); !bytes.Equal(got, all) {
		t.Errorf("in: % x", got)
	}
}

type reader interface {
	Read([]byte) (int, error)
	SetReadDeadline(time.Time) error
}

func read(t *testing.T, r reader, n int) []byte {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	for got := 0; got < n; {
		k, err := r.Read(b[got:])
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		got += k
	}
	return b
}

func TestDeadline(t *testing.T) {
	_, p := open(t, 115200)
	b := make([]byte, 10)
	begin := time.Now()
	if err := p.SetReadDeadline(begin.Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v", n, err)
	}
	if d := time.Since(begin); d < 30*time.Millisecond {
		t.Errorf("Read gave up after %v", d)
	}
	// A Read that waits already is woken.
	if err := p.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := p.Read(b)
		done <- err
	}()
	if err := p.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("woken Read = %v", err)
	}
}

// What came before a change of rate is not read after it.
func TestFlush(t *testing.T) {
	master, p := open(t, 115200)
	if _, err := master.Write([]byte("garbage")); err != nil {
		t.Fatal(err)
	}
	waitInput(t, p, 7)
	if err := p.SetBaud(460800); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p, 3); string(got) != "new" {
		t.Errorf("read %q", got)
	}
}

// waitInput waits until so many bytes are in the port's queue.
func waitInput(t *testing.T, p *Port, want int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		n := 0
		err := p.ioctl(func(fd int) (err error) {
			n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n >= want {
			return
		}
	}
	t.Fatalf("%d bytes do not arrive", want)
}

// A line that goes away is an error, not an endless wait.
func TestHangUp(t *testing.T) {
	master, p := open(t, 115200)
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v", n, err)
	}
}

func TestOpenErrors(t *testing.T) {
	for path, want := range map[string]string{
		"/dev/no-such-line": "no such file", "/dev/null": "is no serial line",
	} {
		if p, err := Open(path, 115200); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v, %v, want %q", path, p, err, want)
		}
	}
}

// A line that nobody reads does not hold Write for ever.
func TestWriteIsBounded(t *testing.T) {
	_, p := open(t, 460800)
	begin := time.Now()
	_, err := p.Write(make([]byte, 1<<16))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write of 64 KiB that nobody reads = %v", err)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	master, p := open(t, 460800)
	out, in := []byte("0123456789a"), make([]byte, 64)
	n := testing.AllocsPerRun(100, func() {
		if _, err := master.Write(out); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Read(in); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(out); err != nil {
			t.Fatal(err)
		}
		if _, err := master.Read(in); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The time from a byte's arrival to its Read is what a driver waits for each answer.
func BenchmarkRoundTrip(b *testing.B) {
	master, p := open(b, 460800)
	buf := make([]byte, 64)
	for b.Loop() {
		if _, err := master.Write(buf[:11]); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
