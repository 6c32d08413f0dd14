package bitfury

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
	files "github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// word is a number as the captures write it.
type word uint32

func (w *word) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseUint(strings.Trim(string(b), `"`), 16, 32)
	*w = word(v)
	return err
}

// vector is any of the captures' vectors: its fields tell what it is.
type vector struct {
	Op   string
	Chip int
	Bits int    `json:"osc6_bits"`
	TX   string `json:"tx"`

	Header80 string `json:"header80"`
	Midstate string `json:"midstate_state_be"`
	Tail12   string

	Raw   *word
	Base  *word `json:"base_nonce"`
	Nonce word
	Found *bool
	Of    string `json:"vector"`

	MidWords   []word `json:"midstate_words"`
	MerkleTail word   `json:"merkle_tail"`
	NTime      word   `json:"ntime"`
	NBits      word   `json:"nbits"`
	Hash       string `json:"hash_display"`
}

// captures reads every vector of the files that are about this chip, ours and
// those of LODE_CAPTURES.
func captures(t *testing.T) []vector {
	t.Helper()
	var all []vector
	for _, name := range files.Files(t, "", ".json") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(filepath.Base(name), "bitfury-") && !strings.Contains(string(text), "libbitfury") {
			continue
		}
		var file struct{ Vectors []vector }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, file.Vectors...)
	}
	return all
}

// atLeast fails if a test has used fewer vectors than the files have.
func atLeast(t *testing.T, used, want int) {
	t.Helper()
	if used < want {
		t.Errorf("used %d vectors, there are %d", used, want)
	}
}

func (v vector) mid(t *testing.T) (s sha256d.State) {
	t.Helper()
	for i := range s {
		if len(v.MidWords) == 8 {
			s[i] = uint32(v.MidWords[i])
		} else {
			s[i] = bigWord(t, v.Midstate, i)
		}
	}
	return s
}

func bigWord(t *testing.T, text string, i int) uint32 {
	t.Helper()
	w, err := strconv.ParseUint(text[8*i:8*i+8], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(w)
}

func (v vector) tail(t *testing.T) [3]uint32 {
	t.Helper()
	if v.Tail12 == "" {
		return [3]uint32{uint32(v.MerkleTail), uint32(v.NTime), uint32(v.NBits)}
	}
	return [3]uint32{bigWord(t, v.Tail12, 0), bigWord(t, v.Tail12, 1), bigWord(t, v.Tail12, 2)}
}

func TestControlCaptures(t *testing.T) {
	used := 0
	for _, v := range captures(t) {
		var m message
		switch v.Op {
		case "reinit":
			m.setUp(v.Chip, v.Bits)
		case "freq":
			m.begin(v.Chip)
			m.clock(v.Bits)
		case "shutdown":
			m.begin(v.Chip)
			m.off(configSlowOscillator)
		case "":
			continue
		default:
			t.Errorf("operation %q is none that we know", v.Op)
			continue
		}
		used++
		if got := hex.EncodeToString(m.b[:m.n]); got != v.TX {
			t.Errorf("%s of chip %d, %d bits: sends\n%s, recorded\n%s", v.Op, v.Chip, v.Bits, got, v.TX)
		}
	}
	atLeast(t, used, 12)
}

func TestJobCaptures(t *testing.T) {
	used := 0
	for _, v := range captures(t) {
		if v.TX == "" || v.Op != "" {
			continue
		}
		used++
		var words [jobWords]uint32
		if v.Header80 != "" {
			raw, err := hex.DecodeString(v.Header80)
			if err != nil {
				t.Fatal(err)
			}
			h, err := bitcoin.ParseHeader(raw)
			if err != nil {
				t.Fatal(err)
			}
			fillJob(&words, &h)
		} else {
			fillWords(&words, v.mid(t), v.tail(t))
		}
		var m message
		m.begin(v.Chip)
		m.write(addrJob, words[:])
		if got := hex.EncodeToString(m.b[:m.n]); got != v.TX {
			t.Errorf("job for chip %d:\n%s, recorded\n%s", v.Chip, got, v.TX)
		}
	}
	atLeast(t, used, 10)
}

func TestNonceCaptures(t *testing.T) {
	used := 0
	for _, v := range captures(t) {
		if v.Raw == nil {
			continue
		}
		used++
		want := v.Nonce
		if v.Base != nil {
			want = *v.Base
		}
		if got := DecodeNonce(uint32(*v.Raw)); got != uint32(want) {
			t.Errorf("DecodeNonce(%08x) = %08x, want %08x", *v.Raw, got, want)
		}
	}
	atLeast(t, used, 33+19)
}

// The offsets lead to the nonce that hashes well and to no other. The headers'
// first 64 bytes are not known, so a searcher that starts from the midstate
// stands in for the header.
func TestOffsetCaptures(t *testing.T) {
	vectors := captures(t)
	heads := make(map[string]vector)
	for _, v := range vectors {
		if len(v.MidWords) == 8 {
			heads[fmt.Sprintf("%08x", uint32(v.Nonce))] = v
		}
	}
	used := 0
	for _, v := range vectors {
		head, ok := heads[v.Of]
		if v.Found == nil || !ok {
			continue
		}
		used++
		got, found := uint32(*v.Base), false
		for _, off := range offsets() {
			if n := uint32(*v.Base) + off; spisim.Meets(head.mid(t), head.tail(t), bits.ReverseBytes32(n), below224()) {
				got, found = n, true
				break
			}
		}
		if found != *v.Found || found && got != uint32(v.Nonce) {
			t.Errorf("base %08x: found %v, %08x; want %v, %08x", uint32(*v.Base), found, got, *v.Found, uint32(v.Nonce))
		}
	}
	atLeast(t, used, 19)
	atLeast(t, len(heads), 4)
}
