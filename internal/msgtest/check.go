package msgtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/lodefw/lode/sv2"
)

// Fill gives every field of m a random value that its type on the wire allows.
func Fill(m sv2.Message, r *rand.Rand) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		fillField(v.Field(i), r)
	}
}

func fillField(v reflect.Value, r *rand.Rand) {
	switch p := v.Addr().Interface().(type) {
	case *sv2.OptU32:
		*p = sv2.OptU32{}
		if r.IntN(2) == 1 {
			*p = sv2.Some(r.Uint32())
		}
	case *sv2.F32:
		*p = sv2.F32(r.Float32() * 1e15)
	case *sv2.Bytes:
		*p = randomBytes(r, 32)
	case *string:
		*p = string(randomBytes(r, 255))
	case *sv2.U256:
		copy(p[:], randomBytes(r, -32))
	case *bool:
		*p = r.IntN(2) == 1
	default:
		fillKind(v, r)
	}
}

// fillKind fills the integers and the lists.
func fillKind(v reflect.Value, r *rand.Rand) {
	if v.Kind() != reflect.Slice {
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
	for i := range v.Len() {
		fillField(v.Index(i), r)
	}
}

// randomBytes returns up to n bytes, or exactly -n.
func randomBytes(r *rand.Rand, n int) []byte {
	if n > 0 {
		n = r.IntN(n + 1)
	} else {
		n = -n
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// each calls check with differently filled messages of m's kind.
func each(m full, check func(full)) {
	r := rand.New(rand.NewPCG(1, uint64(m.Type())))
	for range 20 {
		f := fresh(m)
		Fill(f, r)
		check(f)
	}
	check(fresh(m))
}

// checkOrder sets one field after the other: the first byte that changes must move
// right, so Wire has every field and in the struct's order.
func checkOrder(t *testing.T, m full) {
	t.Helper()
	base := payload(t, fresh(m))
	last := -1
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		f := fresh(m)
		set(reflect.ValueOf(f).Elem().Field(i))
		changed := firstChange(base, payload(t, f))
		if changed <= last {
			t.Errorf("setting %s changes byte %d, the field before it %d", v.Type().Field(i).Name, changed, last)
		}
		last = changed
	}
}

// set gives a zero field another value.
func set(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *sv2.OptU32:
		*p = sv2.Some(1)
		return
	case *sv2.U256:
		p[0] = 1
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Float32:
		*v.Addr().Interface().(*sv2.F32) = 1.00000012 // its lowest bit is set
	default:
		v.SetUint(1)
	}
}

// firstChange is the first place where a and b differ, -1 if nowhere.
func firstChange(a, b []byte) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// checkBinary sends messages through encoding.Binary* and a frame, with and without
// a tail behind them.
func checkBinary(t *testing.T, m full) {
	t.Helper()
	var c sv2.Codec
	into := fresh(m) // reused, as a connection does
	each(m, func(f full) {
		want := payload(t, f)
		if b, err := f.MarshalBinary(); err != nil || !bytes.Equal(b, want) {
			t.Fatalf("MarshalBinary = %x, %v, want %x", b, err, want)
		}
		if b, err := f.AppendBinary([]byte("head")); err != nil || !bytes.Equal(b, append([]byte("head"), want...)) {
			t.Fatalf("AppendBinary = %x, %v", b, err)
		}
		frame, err := c.AppendFrame([]byte("head"), f)
		if err != nil || !bytes.Equal(frame[4+sv2.HeaderSize:], want) {
			t.Fatalf("AppendFrame = %x, %v", frame, err)
		}
		h, err := sv2.ParseHeader(frame[4:])
		if err != nil || h.Type != m.Type() || h.Length != len(want) {
			t.Fatalf("header = %+v, %v", h, err)
		}
		tail, err := c.Decode(append(want, "tail"...), into)
		if err != nil || string(tail) != "tail" || !bytes.Equal(payload(t, into), want) {
			t.Fatalf("Decode(%x) = %+v, %q, %v", want, into, tail, err)
		}
		checkCopy(t, f, append(want, "tail"...))
	})
}

// checkCopy decodes b, the payload of f and a tail, and then spoils b.
func checkCopy(t *testing.T, f full, b []byte) {
	t.Helper()
	copied := fresh(f)
	if err := copied.UnmarshalBinary(b); err != nil {
		t.Fatalf("UnmarshalBinary: %v", err)
	}
	clear(b)
	if !bytes.Equal(payload(t, copied), payload(t, f)) {
		t.Fatalf("UnmarshalBinary kept a part of its input: %+v, want %+v", copied, f)
	}
}

// checkPrefixes decodes every prefix of good payloads: each is an error, except one
// that lacks just a field which older peers do not send.
func checkPrefixes(t *testing.T, m full) {
	t.Helper()
	late := map[string]int{"OpenExtendedMiningChannel.Success": 4}[sv2.Name(m)]
	each(m, func(f full) {
		good := payload(t, f)
		for n := range good {
			err := fresh(m).UnmarshalBinary(good[:n])
			if lenient := late > 0 && n == len(good)-late; (err == nil) != lenient {
				t.Fatalf("UnmarshalBinary of %d of %d bytes: error %v", n, len(good), err)
			}
		}
	})
}

// checkJSON sends messages through JSON, twice.
func checkJSON(t *testing.T, m full) {
	t.Helper()
	each(m, func(f full) {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range text {
			if c < ' ' || c == 0x7f {
				t.Fatalf("JSON has the control character %#x: %s", c, text)
			}
		}
		back := fresh(m)
		if err := json.Unmarshal(text, back); err != nil {
			t.Fatalf("Unmarshal %s: %v", text, err)
		}
		if !bytes.Equal(payload(t, back), payload(t, f)) {
			t.Fatalf("%s became %+v, want %+v", text, back, f)
		}
	})
	if err := json.Unmarshal([]byte(`{"no_such_field":1}`), fresh(m)); err == nil {
		t.Error("Unmarshal took an unknown field")
	}
}

// checkShared encodes one message in many goroutines; the race detector sees if that
// writes to it.
func checkShared(t *testing.T, m full) {
	t.Helper()
	f := fresh(m)
	Fill(f, rand.New(rand.NewPCG(2, 2)))
	want := payload(t, f)
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		wg.Go(func() {
			if b, err := new(sv2.Codec).Append(nil, f); err != nil || !bytes.Equal(b, want) {
				errs <- fmt.Errorf("encoding gives %x, %v", b, err)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}
