package sv2_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/jobdecl"
	"github.com/lodefw/lode/sv2/mining"
)

// all has a field of every type that a Codec walks.
type all struct {
	b          bool
	u8         uint8
	u16        uint16
	u24, u32   uint32
	u64        uint64
	f32        sv2.F32
	u256       sv2.U256
	opt        sv2.OptU32
	str        string
	b32, b255  sv2.Bytes
	b64k, b16m sv2.Bytes
	u16s       []uint16
	u32s       []uint32
	hash, more []sv2.U256
	txs        []sv2.Bytes
	late       uint32
}

func (*all) Type() sv2.Type { return 1 }

func (m *all) Wire(c *sv2.Codec) {
	c.Bool(&m.b)
	c.U8(&m.u8)
	c.U16(&m.u16)
	c.U24(&m.u24)
	c.U32(&m.u32)
	c.U64(&m.u64)
	c.F32(&m.f32)
	c.U256(&m.u256)
	c.OptU32(&m.opt)
	c.Str(&m.str)
	c.B32(&m.b32)
	c.B255(&m.b255)
	c.B64K(&m.b64k)
	c.B16M(&m.b16m)
	c.SeqU16(&m.u16s)
	c.SeqU32(&m.u32s)
	c.Seq255U256(&m.hash)
	c.SeqU256(&m.more)
	c.SeqB16M(&m.txs)
	c.LateU32(&m.late)
}

func TestCodecTypes(t *testing.T) {
	m := &all{
		b: true, u8: 0x12, u16: 0x1234, u24: 0x123456, u32: 0x12345678, u64: 0x123456789abcdef0,
		f32: 1.5, u256: sv2.U256{1, 31: 2}, opt: sv2.Some(7), str: "hé",
		b32: sv2.Bytes("a"), b255: sv2.Bytes("b"), b64k: sv2.Bytes("c"), b16m: sv2.Bytes("d"),
		u16s: []uint16{1, 2}, u32s: []uint32{3}, hash: []sv2.U256{{9}}, more: []sv2.U256{},
		txs: []sv2.Bytes{sv2.Bytes("xy"), nil}, late: 5,
	}
	zeroes := func(n int) string { return strings.Repeat("\x00", n) }
	want := "\x01\x12\x34\x12\x56\x34\x12\x78\x56\x34\x12\xf0\xde\xbc\x9a\x78\x56\x34\x12" +
		"\x00\x00\xc0\x3f" + "\x01" + zeroes(30) + "\x02" + "\x01\x07\x00\x00\x00" + "\x03h\xc3\xa9" +
		"\x01a\x01b\x01\x00c\x01\x00\x00d" + "\x02\x00\x01\x00\x02\x00" + "\x01\x00\x03\x00\x00\x00" +
		"\x01\x09" + zeroes(31) + "\x00\x00" + "\x02\x00\x02\x00\x00xy\x00\x00\x00" + "\x05\x00\x00\x00"
	got, err := sv2.Append(nil, m)
	if err != nil || string(got) != want {
		t.Fatalf("Append = %x, %v, want %x", got, err, want)
	}
	var back all
	if err := sv2.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := sv2.Append(nil, &back); err != nil || !bytes.Equal(again, got) {
		t.Errorf("decoded and encoded again: %x, %v", again, err)
	}
	for n := range got {
		err := sv2.Unmarshal(got[:n], new(all))
		if late := n == len(got)-4; (err == nil) != late || err != nil && !errors.Is(err, sv2.ErrShort) {
			t.Errorf("Unmarshal of %d of %d bytes: %v", n, len(got), err)
		}
	}
}

func TestCodecEncodeLimits(t *testing.T) {
	for _, test := range []struct {
		name     string
		fit, not func(*all)
	}{
		{"U24", func(m *all) { m.u24 = 1<<24 - 1 }, func(m *all) { m.u24 = 1 << 24 }},
		{"STR0_255", func(m *all) { m.str = strings.Repeat("x", 255) }, func(m *all) { m.str = strings.Repeat("x", 256) }},
		{"B0_32", func(m *all) { m.b32 = make(sv2.Bytes, 32) }, func(m *all) { m.b32 = make(sv2.Bytes, 33) }},
		{"B0_255", func(m *all) { m.b255 = make(sv2.Bytes, 255) }, func(m *all) { m.b255 = make(sv2.Bytes, 256) }},
		{"B0_64K", func(m *all) { m.b64k = make(sv2.Bytes, 65535) }, func(m *all) { m.b64k = make(sv2.Bytes, 65536) }},
		{"B0_16M", func(m *all) { m.b16m = make(sv2.Bytes, 1<<24-1) }, func(m *all) { m.b16m = make(sv2.Bytes, 1<<24) }},
		{"SEQ0_255", func(m *all) { m.hash = make([]sv2.U256, 255) }, func(m *all) { m.hash = make([]sv2.U256, 256) }},
		{"SEQ0_64K", func(m *all) { m.u16s = make([]uint16, 65535) }, func(m *all) { m.u16s = make([]uint16, 65536) }},
	} {
		var fit, not all
		test.fit(&fit)
		test.not(&not)
		var back all
		if b, err := sv2.Append(nil, &fit); err != nil || sv2.Unmarshal(b, &back) != nil {
			t.Errorf("%s: the largest does not fit: %v", test.name, err)
		}
		if b, err := sv2.Append([]byte("x"), &not); err == nil || string(b) != "x" {
			t.Errorf("%s: one above the limit: %d bytes, %v", test.name, len(b), err)
		}
	}
}

// A Codec that failed works for the next message.
func TestCodecRecovers(t *testing.T) {
	var c sv2.Codec
	var m mining.SetTarget
	if _, err := c.Decode([]byte{1}, &m); !errors.Is(err, sv2.ErrShort) {
		t.Fatalf("Decode = %v, want ErrShort", err)
	}
	const want = "sv2: decode *mining.SetTarget: byte 4 of 5: sv2: payload ends inside a field"
	if _, err := c.Decode(make([]byte, 5), &m); err == nil || err.Error() != want {
		t.Fatalf("Decode = %v, want %s", err, want)
	}
	if _, err := c.Append(nil, &all{u24: 1 << 24}); err == nil {
		t.Fatal("Append took a U24 of 25 bits")
	}
	if b, err := c.Append(nil, &m); err != nil || len(b) != 36 {
		t.Errorf("Append = %x, %v", b, err)
	}
	if tail, err := c.Decode(make([]byte, 37), &m); err != nil || len(tail) != 1 {
		t.Errorf("Decode = %x, %v", tail, err)
	}
}

// Byte strings point into the payload but cannot grow into what follows them.
func TestDecodeDoesNotCopy(t *testing.T) {
	payload, err := sv2.Append(nil, &jobdecl.DeclareMiningJobSuccess{RequestID: 1, NewMiningJobToken: sv2.Bytes("abc")})
	if err != nil {
		t.Fatal(err)
	}
	payload = append(payload, "tail"...)
	var m jobdecl.DeclareMiningJobSuccess
	if _, err := new(sv2.Codec).Decode(payload, &m); err != nil {
		t.Fatal(err)
	}
	if &m.NewMiningJobToken[0] != &payload[5] {
		t.Error("the token was copied")
	}
	_ = append(m.NewMiningJobToken, 'X')
	if !bytes.HasSuffix(payload, []byte("tail")) {
		t.Errorf("appending to a decoded field changed the payload: %q", payload)
	}
}

// The pool before November 2025 ends the message in front of the group.
func TestLateGroupChannelID(t *testing.T) {
	m := &mining.OpenExtendedMiningChannelSuccess{ChannelID: 3, ExtranonceSize: 4, ExtranoncePrefix: sv2.Bytes{1}, GroupChannelID: 9}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got := &mining.OpenExtendedMiningChannelSuccess{GroupChannelID: 77}
	if err := got.UnmarshalBinary(b[:len(b)-4]); err != nil || got.GroupChannelID != 0 || got.ChannelID != 3 {
		t.Errorf("without the group: %+v, %v", got, err)
	}
	for n := 1; n < 4; n++ {
		if err := got.UnmarshalBinary(b[:len(b)-n]); err == nil {
			t.Errorf("%d bytes missing: no error", n)
		}
	}
}

func TestF32Valid(t *testing.T) {
	inf := sv2.F32(math.Inf(1))
	for f, want := range map[sv2.F32]bool{
		0: true, sv2.F32(math.Copysign(0, -1)): true, 1e12: true, math.MaxFloat32: true,
		inf: false, -inf: false, -1: false,
	} {
		if f.Valid() != want {
			t.Errorf("F32(%v).Valid() = %v", f, !want)
		}
	}
	if sv2.F32(math.NaN()).Valid() {
		t.Error("NaN is valid")
	}
}

// What passes for each share and each job allocates nothing.
func TestNoAllocation(t *testing.T) {
	for _, m := range []sv2.Message{
		&mining.SubmitSharesStandard{ChannelID: 1, Nonce: 2},
		&mining.SubmitSharesSuccess{ChannelID: 1},
		&mining.NewMiningJob{ChannelID: 1, MinNTime: sv2.Some(3)},
		&mining.NewExtendedMiningJob{MerklePath: make([]sv2.U256, 12), CoinbaseTxPrefix: make(sv2.Bytes, 99)},
		&mining.SetNewPrevHash{ChannelID: 1},
		&mining.SetTarget{ChannelID: 1},
	} {
		var c sv2.Codec
		buf, err := c.AppendFrame(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { buf, _ = c.AppendFrame(buf[:0], m) }); n != 0 {
			t.Errorf("encoding %T allocates %v times", m, n)
		}
		into := mining.New(m.Type())
		if n := testing.AllocsPerRun(100, func() { c.Decode(buf[sv2.HeaderSize:], into) }); n != 0 {
			t.Errorf("decoding %T allocates %v times", m, n)
		}
	}
}

// A count that the payload cannot hold makes no room, and room once made is kept.
func TestListMemory(t *testing.T) {
	list := func(n int) []byte {
		b, err := sv2.Append(nil, &jobdecl.DeclareMiningJob{WTxIDList: make([]sv2.U256, n)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var c sv2.Codec
	var m jobdecl.DeclareMiningJob
	lying := list(2000)
	copy(lying[13:], "\xff\xff") // 65535 of 32 bytes each
	if _, err := c.Decode(lying, &m); !errors.Is(err, sv2.ErrShort) || cap(m.WTxIDList) != 0 {
		t.Errorf("a count of 65535 in front of 2000: %v, room for %d", err, cap(m.WTxIDList))
	}
	long, short := list(100), list(1)
	run := func() {
		for _, b := range [][]byte{long, short} {
			if _, err := c.Decode(b, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(10, run); n != 0 || len(m.WTxIDList) != 1 || cap(m.WTxIDList) < 100 {
		t.Errorf("decoding lists again allocates %v times", n)
	}
}
