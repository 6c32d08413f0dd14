package bm13xx

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

type commandVector struct {
	Hex   hexBytes
	Op    string
	All   bool
	Chip  uint8
	Reg   Reg
	Value hexBytes
}

func (v *commandVector) command() Command {
	c := Command{All: v.All, Chip: v.Chip, Reg: v.Reg}
	c.Op = map[string]Op{"set_address": OpSetAddress, "write": OpWrite, "read": OpRead, "inactive": OpInactive}[v.Op]
	for _, b := range v.Value {
		c.Value = c.Value<<8 | uint32(b)
	}
	return c
}

func TestCommandCaptures(t *testing.T) {
	eachFile(t, "frames-commands", func(t *testing.T, file vectors[commandVector]) {
		for _, v := range file.Vectors {
			want := v.command()
			got, err := WireFramed.Parse(v.Hex)
			if err != nil || got != want {
				t.Errorf("Parse(%x) = %+v, %v, want %+v", v.Hex, got, err, want)
			}
			if b := WireFramed.Append(nil, got); !bytes.Equal(b, v.Hex) {
				t.Errorf("Append(%+v) = %x, want %x", got, b, v.Hex)
			}
		}
	})
}

// The S9's FPGA speaks both kinds of commands, all without a preamble.
func TestBareCaptures(t *testing.T) {
	type vector struct {
		Kind string
		Hex  hexBytes
		OK   bool `json:"crc_ok"`
	}
	eachFile(t, "bm1387-fpga-testbench", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			switch v.Kind {
			case "command":
				checkBare(t, v.Hex, v.OK)
			case "response":
				if _, ok := parseResponse(v.Hex); ok != v.OK {
					t.Errorf("response %x: good is %v, want %v", v.Hex, ok, v.OK)
				}
			case "work":
				checkMidstateJob(t, WireBare, v.Hex)
			}
		}
	})
}

func checkBare(t *testing.T, frame []byte, good bool) {
	t.Helper()
	wire, b := WireBare, frame
	c, err := wire.Parse(b)
	if err != nil { // the numbers of newer chips
		wire, b = WireFramed, append([]byte{0x55, 0xaa}, frame...)
		c, err = wire.Parse(b)
	}
	if (err == nil) != good {
		t.Fatalf("command %x: %v, want good %v", frame, err, good)
	}
	if out := wire.Append(nil, c); err == nil && !bytes.Equal(out, b) {
		t.Errorf("Append(%+v) = %x, want %x", c, out, b)
	}
}

// checkMidstateJob takes a job frame apart and puts it together again.
func checkMidstateJob(t *testing.T, wire Wire, frame []byte) {
	t.Helper()
	body := frame
	if wire == WireFramed {
		body = frame[2:]
	}
	tl := tail{
		nbits: le32(body[8:]), ntime: le32(body[12:]), merkle: [4]byte(body[16:]),
	}
	var states []sha256d.State
	for rest := body[20 : len(body)-2]; len(rest) >= 32; rest = rest[32:] {
		var s sha256d.State
		for i := range s {
			s[7-i] = be32(rest[4*i:])
		}
		states = append(states, s)
	}
	got := wire.appendMidstateJob(nil, body[2], &tl, states)
	got[len(frame)-len(body)+3] = body[3] // a count of 0 or 1 in a long frame is theirs
	if sum := crc16(got[len(frame)-len(body) : len(got)-2]); true {
		got[len(got)-2], got[len(got)-1] = byte(sum>>8), byte(sum)
	}
	if !bytes.Equal(got, frame) {
		t.Errorf("job\n got %x\nwant %x", got, frame)
	}
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
func be32(b []byte) uint32 {
	return uint32(b[3]) | uint32(b[2])<<8 | uint32(b[1])<<16 | uint32(b[0])<<24
}

// headerOfJob reads the header out of a job frame, the other way round than
// appendHeaderJob, and not by its code.
func headerOfJob(frame []byte) bitcoin.Header {
	b := frame[2:]
	h := bitcoin.Header{NBits: le32(b[8:]), NTime: le32(b[12:]), Version: le32(b[80:])}
	for i := range 8 {
		copy(h.MerkleRoot[4*i:], b[16+4*(7-i):][:4])
		copy(h.PrevHash[4*i:], b[48+4*(7-i):][:4])
	}
	return h
}

func TestJobCaptures(t *testing.T) {
	type vector struct{ Hex hexBytes }
	eachFile(t, "frames-jobs", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			if v.Hex[3] != 0x56 {
				checkMidstateJob(t, WireFramed, v.Hex)
				continue
			}
			h := headerOfJob(v.Hex)
			if got := appendHeaderJob(nil, v.Hex[4], &h); !bytes.Equal(got, v.Hex) {
				t.Errorf("job\n got %x\nwant %x", got, v.Hex)
			}
		}
	})
}

func TestESPJobs(t *testing.T) {
	type vector struct {
		Header80    hexBytes
		VersionMask hexBytes `json:"version_mask"`
		JobByte     uint8    `json:"job_byte"`
		Frame       hexBytes
	}
	eachFile(t, "esp-jobs-", func(t *testing.T, file vectors[vector]) {
		model, err := ParseModel(file.Chip)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range file.Vectors {
			h, err := bitcoin.ParseHeader(v.Header80)
			if err != nil {
				t.Fatal(err)
			}
			if model.spec().rolls {
				if got := appendHeaderJob(nil, v.JobByte, &h); !bytes.Equal(got, v.Frame) {
					t.Errorf("job\n got %x\nwant %x", got, v.Frame)
				}
				continue
			}
			checkESPMidstates(t, v.JobByte, &h, be32(v.VersionMask), v.Frame)
		}
	})
}

// ESP-Miner sends four midstates with a mask; without one it sends one, and three
// that are left over in its memory.
func checkESPMidstates(t *testing.T, id uint8, h *bitcoin.Header, mask uint32, frame []byte) {
	t.Helper()
	tl := tailOf(h)
	var m midstates
	m.make(h, hashing.LowBits(mask, 2))
	got := WireFramed.appendMidstateJob(nil, id, &tl, m.states[:m.n])
	if mask != 0 {
		if !bytes.Equal(got, frame) {
			t.Errorf("job\n got %x\nwant %x", got, frame)
		}
		return
	}
	if !bytes.Equal(got[4:54], frame[4:54]) {
		t.Errorf("job\n got %x\nwant %x ...", got, frame[:54])
	}
}

func TestResponseCaptures(t *testing.T) {
	type vector struct {
		Hex   hexBytes
		Job   bool `json:"job_response"`
		Value hexBytes
		Chip  uint8
		Reg   Reg
		Nonce hexBytes
		Slot  uint8    `json:"job_byte"`
		Roll  hexBytes `json:"version_bits"`
		Byte6 uint8    `json:"byte6_midstate_or_core"`
	}
	eachFile(t, "frames-responses", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			got, ok := parseResponse(v.Hex)
			want := Response{Job: v.Job, Chip: v.Chip, Reg: v.Reg}
			if v.Job {
				want = Response{Job: true, Nonce: be32(v.Nonce), Excess: v.Byte6, Slot: v.Slot}
				if len(v.Roll) == 4 {
					want.Version = uint16(be32(v.Roll) >> 13)
				}
			} else {
				want.Value = be32(v.Value)
			}
			if !ok || got != want {
				t.Errorf("%x = %+v, %v, want %+v", v.Hex, got, ok, want)
			}
		}
	})
}

func TestBM1387Responses(t *testing.T) {
	type vector struct {
		Hex   hexBytes
		OK    bool     `json:"crc_ok"`
		Nonce hexBytes `json:"nonce_wire"`
		Index uint8    `json:"solution_index"`
		Work  uint8    `json:"work_id"`
	}
	eachFile(t, "bm1387-responses", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			got, ok := parseResponse(v.Hex)
			want := Response{Job: true, Nonce: le32(v.Nonce), Excess: v.Index, Slot: v.Work}
			if ok != v.OK || got != want {
				t.Errorf("%x = %+v, %v, want %+v", v.Hex, got, ok, want)
			}
		}
	})
}

func TestFramesFail(t *testing.T) {
	good := WireFramed.Append(nil, Command{Op: OpWrite, All: true, Reg: RegPLL0, Value: 1})
	for n := range good {
		if _, err := WireFramed.Parse(good[:n]); err == nil {
			t.Errorf("Parse takes the first %d bytes", n)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if c, err := WireFramed.Parse(bad); err == nil {
			t.Errorf("Parse(%x) = %+v, want an error", bad, c)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"55aa510900a49000ffff1c", "55aa520500000a", "55aa400580001f", "4809080c0068022111", "5505000010", "45052a2000"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, w := range []Wire{WireFramed, WireBare} {
			for _, frame := range [][]byte{b, mended(w, b)} {
				c, err := w.Parse(frame)
				if out := w.Append(nil, c); err == nil && !bytes.Equal(out, frame) {
					t.Errorf("%x = %+v, which is %x", frame, c, out)
				}
			}
		}
	})
}

// mended is b with the preamble, length and CRC of a frame.
func mended(w Wire, b []byte) []byte {
	body := bytes.Clone(bytes.TrimPrefix(b, []byte{0x55, 0xaa}))
	if len(body) < lengthShort {
		return nil
	}
	body[1], body[len(body)-1] = uint8(len(body)), crc5(body[:len(body)-1])
	return append(w.appendPreamble(nil), body...)
}
