package a1

import (
	"encoding/binary"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// command is the low nibble of a message's first byte; the high nibble is a job
// id, the second byte the chip, 0 for all (REFERENCE.md, "Messages").
type command byte

const (
	cmdEnumerate    command = 0x01
	cmdAcceptTest   command = 0x03 // leave out the cores that failed the self-test
	cmdReset        command = 0x04
	cmdWriteJob     command = 0x07
	cmdReadResult   command = 0x08
	cmdWriteReg     command = 0x09
	cmdReadReg      command = 0x0a
	ansReadReg      command = 0x1a
	dropJobs        byte    = 0xed // reset's strategy, sent twice
	everyChip               = 0    // the chip number of a broadcast
	jobIDs                  = 4    // ids 1..4 in turn
	headSize                = 2
	resultSize              = 6
	registerSize            = 6
	jobSize                 = 58
	trailer                 = 2 // zeros after a command, still in its own transfer
	enumeratePushed         = 4 // zeros after the enumerate command
)

// putJob writes a job with its command. The hardware reports the nonces whose
// hash is at or below the target that ticket says in compact form.
func putJob(b *[jobSize]byte, id, chip uint8, h *bitcoin.Header, ticket uint32, words binary.ByteOrder) {
	var raw [bitcoin.HeaderSize]byte
	h.Put(&raw)
	mid := sha256d.Midstate(&raw)
	b[0], b[1] = id<<4|byte(cmdWriteJob), chip
	for i, word := range mid { // last word first
		words.PutUint32(b[2+4*(7-i):], word)
	}
	copy(b[34:46], raw[64:76]) // end of the merkle root, ntime, nbits
	binary.LittleEndian.PutUint32(b[46:], 0)
	binary.LittleEndian.PutUint32(b[50:], ticket)
	binary.LittleEndian.PutUint32(b[54:], 0xffffffff)
}

// Result is a nonce as a chip reports it.
type Result struct {
	Job   uint8 // id, 1..4
	Chip  int   // from 1
	Nonce uint32
}

// answer tells what a read of the results gave.
type answer int

const (
	noAnswer answer = iota // nothing that looks like one
	queueEmpty
	gotResult
)

// parseResult finds the answer to a read of the results in what came back. It
// stands at offset at; when nothing is there the rest is searched word by word,
// as chips that answer later than we know would otherwise be lost.
func parseResult(b []byte, at int) (Result, answer) {
	if r, a := resultAt(b, at); a != noAnswer {
		return r, a
	}
	for i := 0; i+headSize <= len(b); i += 2 {
		if r, a := resultAt(b, i); a != noAnswer {
			return r, a
		}
	}
	return Result{}, noAnswer
}

func resultAt(b []byte, i int) (Result, answer) {
	if i < 0 || i > len(b)-headSize || command(b[i]&0xf) != cmdReadResult {
		return Result{}, noAnswer
	}
	id := b[i] >> 4
	if id == 0 {
		return Result{}, queueEmpty
	}
	if i+resultSize > len(b) {
		return Result{}, noAnswer
	}
	return Result{Job: id, Chip: int(b[i+1]), Nonce: binary.LittleEndian.Uint32(b[i+2:])}, gotResult
}

// parseRegister finds the answer to a read of the register: at offset at, or at
// the next whole word where it stands.
func parseRegister(b []byte, chip, at int) (r Register, ok bool) {
	i := findHead(b, byte(ansReadReg), byte(chip), at)
	if i < 0 || i+headSize+registerSize > len(b) {
		return r, false
	}
	return Register(b[i+headSize : i+headSize+registerSize]), true
}

// findHead returns where the word stands, at or after offset from; -1 if nowhere.
func findHead(b []byte, first, second byte, from int) int {
	for i := max(from, 0); i <= len(b)-headSize; i += 2 {
		if b[i] == first && b[i+1] == second {
			return i
		}
	}
	return -1
}

// parseCount finds the answer to enumerate: the echo, then a word with the
// number of chips. words is how many words came before the echo, twice the
// number of chips.
func parseCount(b []byte) (count, words int, ok bool) {
	i := findHead(b, byte(cmdEnumerate), everyChip, 0)
	if i < 0 || i+2*headSize > len(b) {
		return 0, 0, false
	}
	return int(b[i+3]), i / 2, true
}
