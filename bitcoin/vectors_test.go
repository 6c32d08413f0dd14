package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lodefw/lode/internal/vectors"
)

// Every vector is decoded into a struct with all the fields of its category; a
// field that is absent is nil and says nothing.

type hexBytes = vectors.Hex

// wire is a 32-byte field in wire order, display one in display order.
func wire(t *testing.T, b hexBytes) (h Hash) {
	t.Helper()
	if len(b) != len(h) {
		t.Fatalf("vector has %d bytes where 32 are wanted", len(b))
	}
	return Hash(b)
}

func display(t *testing.T, b hexBytes) Hash {
	t.Helper()
	b = slices.Clone(b)
	slices.Reverse(b)
	return wire(t, b)
}

func wires(t *testing.T, list []hexBytes) (out []Hash) {
	t.Helper()
	for _, b := range list {
		out = append(out, wire(t, b))
	}
	return out
}

func wantHash(t *testing.T, what string, got, want Hash) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x\nwant %x", what, got, want)
	}
}

// wantNear allows the last bits of a float to differ.
func wantNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > math.Abs(want)*1e-14 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestVectorsPrimitives(t *testing.T) {
	type vector struct {
		InputHex     hexBytes `json:"input_hex"`
		DoubleSHA256 hexBytes `json:"double_sha256"`
		Value        *uint64  `json:"value"`
		Encoding     hexBytes `json:"encoding"`
		Reject       string   `json:"reject"`
	}
	vectors.Each(t, "primitives", func(t *testing.T, v vector) {
		if v.DoubleSHA256 != nil {
			wantHash(t, "DoubleHash", DoubleHash(v.InputHex), wire(t, v.DoubleSHA256))
		}
		if v.Encoding != nil {
			checkCompactSize(t, v.Value, v.Encoding, v.Reject != "")
		}
	})
}

func checkCompactSize(t *testing.T, value *uint64, encoding []byte, bad bool) {
	n, rest, err := ReadCompactSize(encoding)
	if bad || value == nil {
		if err == nil && len(rest) == 0 {
			t.Errorf("ReadCompactSize(%x) = %d, want an error", encoding, n)
		}
		return
	}
	if err != nil || n != *value || len(rest) != 0 {
		t.Errorf("ReadCompactSize(%x) = %d, %x, %v, want %d", encoding, n, rest, err, *value)
	}
	wantBytes(t, "AppendCompactSize", AppendCompactSize(nil, *value), encoding)
}

// headerVector holds the fields of block_headers and header_extras.
type headerVector struct {
	Header            hexBytes `json:"header"`
	Version           *uint32  `json:"version"`
	PrevHash          hexBytes `json:"prev_hash_le"`
	MerkleRoot        hexBytes `json:"merkle_root_le"`
	NTime             *uint32  `json:"ntime"`
	NBits             *uint32  `json:"nbits"`
	Nonce             *uint32  `json:"nonce"`
	HashBE            hexBytes `json:"hash_be"`
	HashLE            hexBytes `json:"hash_le"`
	TargetBE          hexBytes `json:"target_be"`
	NetworkDifficulty *float64 `json:"network_difficulty"`
	ShareDifficulty   *float64 `json:"share_difficulty"`
	FloorDifficulty   *uint64  `json:"floor_difficulty"`
	MeetsTarget       *bool    `json:"meets_target"`
	First64           hexBytes `json:"header_first_64"`
	MidstateBE        hexBytes `json:"midstate_be_words"`
	MidstateLE        hexBytes `json:"midstate_le_words"`
	Tail16            hexBytes `json:"tail16"`
	BIP320            string   `json:"bits_in_bip320_mask"`
	BIP323            string   `json:"bits_in_bip323_mask"`
}

func TestVectorsBlockHeaders(t *testing.T) { vectors.Each(t, "block_headers", checkHeader) }

func TestVectorsHeaderExtras(t *testing.T) { vectors.Each(t, "header_extras", checkHeader) }

func checkHeader(t *testing.T, v headerVector) {
	first64 := v.First64
	if v.Header != nil {
		h, err := ParseHeader(v.Header)
		if err != nil {
			t.Fatal(err)
		}
		var b [HeaderSize]byte
		h.Put(&b)
		wantBytes(t, "Put", b[:], v.Header)
		first64 = b[:64]
		if v.Tail16 != nil {
			wantBytes(t, "tail", b[64:], v.Tail16)
		}
		checkFields(t, &h, &v)
		checkWork(t, &h, &v)
	}
	checkMidstate(t, first64, v.MidstateBE, v.MidstateLE)
}

func checkFields(t *testing.T, h *Header, v *headerVector) {
	numbers := []struct {
		name string
		got  uint32
		want *uint32
	}{
		{"Version", h.Version, v.Version},
		{"NTime", h.NTime, v.NTime},
		{"NBits", h.NBits, v.NBits},
		{"Nonce", h.Nonce, v.Nonce},
		{"BIP320 bits", h.Version & 0x1fffe000, hex32(t, v.BIP320)},
		{"BIP323 bits", h.Version & 0x1fffffe0, hex32(t, v.BIP323)},
	}
	for _, n := range numbers {
		if n.want != nil && n.got != *n.want {
			t.Errorf("%s = %08x, want %08x", n.name, n.got, *n.want)
		}
	}
	if v.PrevHash != nil {
		wantHash(t, "PrevHash", h.PrevHash, wire(t, v.PrevHash))
		wantHash(t, "MerkleRoot", h.MerkleRoot, wire(t, v.MerkleRoot))
	}
	if v.HashBE != nil {
		wantHash(t, "Hash", h.Hash(), display(t, v.HashBE))
	}
	if got, err := ParseHash(h.Hash().String()); err != nil || got != h.Hash() {
		t.Errorf("ParseHash = %v, %v", got, err)
	}
	if v.HashLE != nil {
		wantHash(t, "Hash", h.Hash(), wire(t, v.HashLE))
	}
}

// checkWork compares the header's hash and its target.
func checkWork(t *testing.T, h *Header, v *headerVector) {
	hash := h.Hash()
	if v.ShareDifficulty != nil {
		wantNear(t, "share difficulty", Target(hash).Difficulty(), *v.ShareDifficulty)
		wantCredit(t, Target(hash))
	}
	if v.FloorDifficulty != nil && Target(hash).Credit() != *v.FloorDifficulty {
		t.Errorf("Credit = %d, want %d", Target(hash).Credit(), *v.FloorDifficulty)
	}
	if v.TargetBE == nil {
		return
	}
	target, err := CompactTarget(h.NBits)
	if err != nil {
		t.Fatal(err)
	}
	wantHash(t, "target", Hash(target), display(t, v.TargetBE))
	if v.NetworkDifficulty != nil {
		wantNear(t, "network difficulty", target.Difficulty(), *v.NetworkDifficulty)
	}
	if v.MeetsTarget != nil && target.MetBy(hash) != *v.MeetsTarget {
		t.Errorf("MetBy = %v, want %v", !*v.MeetsTarget, *v.MeetsTarget)
	}
}

// checkMidstate looks into the state that the standard library saves: magic, then
// eight words, big-endian.
func checkMidstate(t *testing.T, first64, be, le []byte) {
	if be == nil || first64 == nil {
		return
	}
	h := sha256.New()
	h.Write(first64)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	words := state[4:36]
	wantBytes(t, "midstate", words, be)
	for i := 0; le != nil && i < len(words); i += 4 {
		slices.Reverse(words[i : i+4])
	}
	if le != nil {
		wantBytes(t, "midstate", words, le)
	}
}

func hex32(t *testing.T, s string) *uint32 {
	t.Helper()
	if s == "" {
		return nil
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	v := uint32(n)
	return &v
}

func TestVectorsTargets(t *testing.T) {
	vectors.Each(t, "targets", func(t *testing.T, v targetVector) {
		_, decimal := v.Difficulty.(string)
		switch {
		case v.HashLE != nil:
			checkCompare(t, &v)
		case v.NBits != nil:
			checkCompact(t, &v)
		case v.HashRate != nil:
			checkRate(t, &v)
		case decimal:
			checkDecimal(t, &v)
		default:
			t.Fatalf("a kind of vector that is not known here")
		}
	})
}

type targetVector struct {
	NBits           *uint32  `json:"nbits"`
	TargetBE        hexBytes `json:"target_be"`
	TargetLE        hexBytes `json:"target_le"`
	HashLE          hexBytes `json:"hash_le"`
	Difficulty      any      `json:"difficulty"` // text in diff-*, a number elsewhere
	HashRate        *float64 `json:"hashrate"`
	SharesPerMinute float64  `json:"shares_per_minute"`
	Meets           *bool    `json:"meets"`
	Reject          string   `json:"reject"`
}

// checkTarget compares with all that the vector says of the target.
func (v *targetVector) checkTarget(t *testing.T, got Target) {
	t.Helper()
	wantHash(t, "target", Hash(got), display(t, v.TargetBE))
	if v.TargetLE != nil {
		wantHash(t, "target", Hash(got), wire(t, v.TargetLE))
	}
	if d, ok := v.Difficulty.(float64); ok {
		wantNear(t, "Difficulty", got.Difficulty(), d)
		wantCredit(t, got)
	}
}

func checkCompact(t *testing.T, v *targetVector) {
	got, err := CompactTarget(*v.NBits)
	if v.TargetBE == nil {
		if err == nil || !strings.Contains(err.Error(), v.Reject) {
			t.Errorf("CompactTarget(%08x) = %v, %v, want an error that says %q", *v.NBits, got, err, v.Reject)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v.checkTarget(t, got)
	again, err := CompactTarget(got.Compact())
	if err != nil || again != got {
		t.Errorf("Compact = %08x, which is %v, %v, want %v", got.Compact(), again, err, got)
	}
}

func checkDecimal(t *testing.T, v *targetVector) {
	text := v.Difficulty.(string)
	got, err := DifficultyTarget(text)
	if v.TargetBE == nil {
		if err == nil {
			t.Errorf("DifficultyTarget(%q) = %v, want an error", text, got)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v.checkTarget(t, got)
}

func checkRate(t *testing.T, v *targetVector) {
	v.checkTarget(t, RateTarget(*v.HashRate, v.SharesPerMinute))
}

func checkCompare(t *testing.T, v *targetVector) {
	hash, target := wire(t, v.HashLE), Target(wire(t, v.TargetLE))
	if got := target.MetBy(hash); v.Meets == nil || got != *v.Meets {
		t.Errorf("MetBy = %v", got)
	}
	if got := Target(hash).Cmp(target) <= 0; v.Meets == nil || got != *v.Meets {
		t.Errorf("Cmp <= 0 is %v", got)
	}
}

func TestVectorsVersionBits(t *testing.T) {
	type vector struct {
		JobVersion   string  `json:"job_version"`
		Mask         string  `json:"mask"`
		VersionBits  string  `json:"version_bits"`
		Allowed      bool    `json:"allowed"`
		FinalVersion *string `json:"final_version"`
		ShareVersion string  `json:"share_version"`
		Rolling      bool    `json:"version_rolling_allowed"`
		Accept       bool    `json:"accept"`
		Version      string  `json:"version"`
		Next         string  `json:"next"`
	}
	vectors.Each(t, "version_bits", func(t *testing.T, v vector) {
		mask := *hex32(t, v.Mask)
		switch {
		case v.VersionBits != "":
			got, ok := CombineVersion(*hex32(t, v.JobVersion), mask, *hex32(t, v.VersionBits))
			if ok != v.Allowed {
				t.Fatalf("CombineVersion allows %v, want %v", ok, v.Allowed)
			}
			if ok && got != *hex32(t, *v.FinalVersion) {
				t.Errorf("CombineVersion = %08x, want %s", got, *v.FinalVersion)
			}
		case v.ShareVersion != "":
			if !v.Rolling {
				mask = 0
			}
			if got := VersionAllowed(*hex32(t, v.ShareVersion), *hex32(t, v.JobVersion), mask); got != v.Accept {
				t.Errorf("VersionAllowed = %v, want %v", got, v.Accept)
			}
		case v.Next != "":
			if got := NextVersion(*hex32(t, v.Version), mask); got != *hex32(t, v.Next) {
				t.Errorf("NextVersion = %08x, want %s", got, v.Next)
			}
		default:
			t.Fatalf("a kind of vector that is not known here")
		}
	})
}

// TestVectorsShareHeaders builds the headers of the share vectors, which the
// channels check as a whole.
func TestVectorsShareHeaders(t *testing.T) {
	type vector struct {
		Header    hexBytes `json:"header"`
		HashBE    hexBytes `json:"hash_be"`
		NBits     uint32   `json:"nbits"`
		MeetsBits *bool    `json:"meets_nbits"`
		Targets   []struct {
			Target hexBytes `json:"target_le"`
			Meets  bool     `json:"meets"`
		} `json:"targets_to_try"`
	}
	vectors.Each(t, "sv2_shares", func(t *testing.T, v vector) {
		if v.Header == nil {
			return
		}
		h, err := ParseHeader(v.Header)
		if err != nil {
			t.Fatal(err)
		}
		wantHash(t, "Hash", h.Hash(), display(t, v.HashBE))
		if got := binary.LittleEndian.Uint32(v.Header[72:]); got != h.NBits {
			t.Errorf("NBits = %08x, want %08x", h.NBits, got)
		}
		if target, err := CompactTarget(v.NBits); v.MeetsBits != nil && (err != nil || target.MetBy(h.Hash()) != *v.MeetsBits) {
			t.Errorf("nbits %08x met: %v, %v", v.NBits, target.MetBy(h.Hash()), err)
		}
		for _, try := range v.Targets {
			if got := Target(wire(t, try.Target)).MetBy(h.Hash()); got != try.Meets {
				t.Errorf("%x met: %v, want %v", try.Target, got, try.Meets)
			}
		}
	})
}
