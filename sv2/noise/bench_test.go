package noise

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"
)

func BenchmarkHandshake(b *testing.B) {
	key := testKey(b)
	id := testIdentity(b, key, time.Now)
	trust := Authority{Key: key.Public()}
	i, err := NewInitiator(trust, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("responder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := id.Respond(i.Act1()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("both", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			shake(b, id, trust)
		}
	})
	b.Run("certificate", func(b *testing.B) {
		for b.Loop() {
			if _, err := Issue(key, key.Public(), time.Unix(0, 0), time.Unix(1, 0), rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ephemeral", func(b *testing.B) {
		for b.Loop() {
			if _, err := newKeyPair(rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{24, 45, 4096, 65519, 1 << 20} {
		send, receive := NewCipher([32]byte{1}), NewCipher([32]byte{1})
		buf := make([]byte, SealedHeader+SealedSize(n))
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if err := send.SealFrame(buf, n); err != nil {
					b.Fatal(err)
				}
				if _, err := receive.OpenHeader(buf[:SealedHeader]); err != nil {
					b.Fatal(err)
				}
				if _, err := receive.OpenPayload(buf[SealedHeader:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestFramesDoNotAllocate(t *testing.T) {
	send, receive := NewCipher([32]byte{1}), NewCipher([32]byte{1})
	buf := make([]byte, SealedHeader+SealedSize(100))
	if n := testing.AllocsPerRun(100, func() {
		if send.SealFrame(buf, 100) != nil {
			t.Fatal("seal")
		}
		if _, err := receive.OpenHeader(buf[:SealedHeader]); err != nil {
			t.Fatal(err)
		}
		if _, err := receive.OpenPayload(buf[SealedHeader:]); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}
