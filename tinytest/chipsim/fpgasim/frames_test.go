package fpgasim

import (
	"bytes"
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// Words and bytes of the documentation and the test bench of zynq-io-am1-s9.
func TestFrames(t *testing.T) {
	for _, v := range []struct {
		words []uint32
		frame string
	}{
		{[]uint32{0x00fc0541}, "4105fc000b"},
		{[]uint32{0x0c000948, 0x21026800}, "4809000c0068022102"},
		{[]uint32{0x1c000958, 0x809a2040}, "5809001c40209a8000"},
	} {
		if got := hex.EncodeToString(commandFrame(v.words)); got != v.frame {
			t.Errorf("command % x is %s, want %s", v.words, got, v.frame)
		}
		if len(v.words) > 1 && commandFrame(v.words[:1]) != nil {
			t.Errorf("half of % x is a command", v.words)
		}
	}
	work := []uint32{
		0x00000002, 0x1725FD03, 0x5D0B7D52, 0x7EF3CD65, 0x9E003640, 0xED70F53C, 0xC597ECC5, 0x0B2E3408, 0x326E5C9C,
		0xD36AF7C1, 0x7FF0843B, 0x9FC1E0B2, 0x4EEB0F38, 0x238575B5, 0x18DBE987, 0x04C97447, 0x790136AF, 0x8C7B9D8B,
		0x973A66E6, 0x7BB43DD7,
	}
	const frame = "215602020000000003fd2517527d0b5d65cdf37e9e003640ed70f53cc597ecc50b2e3408326e5c9cd36af7c17ff0843b9fc1e0b24eeb0f38238575b518dbe98704c97447790136af8c7b9d8b973a66e67bb43dd74f35"
	if got := hex.EncodeToString(workFrame(work)); got != frame {
		t.Errorf("work is\n%s, want\n%s", got, frame)
	}
}

func newCore(t *testing.T) *Core {
	t.Helper()
	chain, err := chipsim.New(chipsim.Config{Model: "BM1387", HashBudget: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := New(chain, Config{})
	c.control = controlEnable
	return c
}

// Answers of the test bench, with its words; a bad CRC costs a byte at a time.
func TestAnswers(t *testing.T) {
	c := newCore(t)
	stream, _ := hex.DecodeString("13879000000007" + "ff" + "13910000000005" + "7203ea83000398" + "7203ea8300039a" + "81980000241c17")
	for rest := stream; len(rest) >= 7; {
		rest = rest[c.frame(rest[:7]):]
	}
	want := []uint32{0x00908713, 0x07000000, 0x00009113, 0x05000000, 0x00009881, 0x17001c24}
	if got := c.commandRx.words; !equal(got, want) {
		t.Errorf("command FIFO %08x, want %08x", got, want)
	}
	// The id 3 is more than that of the last work, 0: it is of the round before.
	if got := c.workRx.words; !equal(got, []uint32{0x83ea0372, 0x98ff8300}) {
		t.Errorf("work FIFO %08x", got)
	}
	if c.errors != 8 {
		t.Errorf("%d errors, want 8: one stray byte, and seven of a frame with a wrong CRC", c.errors)
	}
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Ids of the test bench: the same as the last work's, and the one before.
func TestExtend(t *testing.T) {
	c := newCore(t)
	for _, v := range []struct {
		control, last uint32
		id            byte
		want          uint32
	}{
		{8, 0xcdef, 0x6f, 0xcdef}, {8, 0x1234, 0x30, 0x1230}, {8, 0x1234, 0x35, 0x11b5},
		{8 | 2<<1, 0x1234, 0x37, 0x1237}, {8 | 2<<1, 0x1234, 0x38, 0x11b8}, {8, 0, 0x7f, 0xffff},
	} {
		c.control, c.lastID = v.control, v.last
		if got := c.extend(v.id); got != v.want {
			t.Errorf("id %02x after %04x is %04x, want %04x", v.id, v.last, got, v.want)
		}
	}
}

// The same seed and the same accesses give the same trace, and works leave at
// their pace.
func TestSameTrace(t *testing.T) {
	run := func() []byte {
		var trace bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			chain, err := chipsim.New(chipsim.Config{Model: "BM1387", Chips: 2, Seed: 9, HashBudget: 1e3})
			if err != nil {
				t.Fatal(err)
			}
			chain.Trace(&trace)
			c := New(chain, Config{})
			c.Common().Write32(0x10, 53)
			c.Common().Write32(0x08, controlEnable)
			c.Common().Write32(0x14, 1_000_000) // 20 ms
			c.Command().Write32(0x04, 0x00000554)
			for i := range uint32(5) {
				for word := range uint32(12) {
					c.WorkTx().Write32(0x04, i<<(word*2))
				}
			}
			time.Sleep(70 * time.Millisecond)
			if last := c.WorkTx().Read32(0x14); last != 3 {
				t.Errorf("after 70 ms the last work is %d, want 3", last)
			}
			c.WorkTx().Write32(0x08, 2)
			time.Sleep(70 * time.Millisecond)
			if last := c.WorkTx().Read32(0x14); last != 3 {
				t.Errorf("work %d was sent after the FIFO was reset", last)
			}
			if n := c.Command().Read32(0x0c); n&rxEmpty != 0 {
				t.Error("no answers to the read of ids")
			}
		})
		return trace.Bytes()
	}
	a, b := run(), run()
	if len(a) < 500 || !bytes.Equal(a, b) {
		t.Errorf("traces of %d and %d bytes differ", len(a), len(b))
	}
	if err := chipsim.Replay(bytes.NewReader(a)); err != nil {
		t.Error(err)
	}
}
