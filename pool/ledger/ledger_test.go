package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func header(n uint32) *bitcoin.Header {
	return &bitcoin.Header{Version: 0x20000000, NTime: 1000 + n, NBits: 0x207fffff, Nonce: n}
}

func open(t testing.TB, dir string, opt Options) *Log {
	t.Helper()
	opt.Delay = max(opt.Delay, time.Microsecond)
	l, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func fill(t testing.TB, l *Log, from, to uint32) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := l.Share(start, fmt.Sprintf("user.%d", n), float64(n), header(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// read gives all records, and how many errors there were.
func read(t testing.TB, dir string) (records []Record, damaged int) {
	t.Helper()
	for r, err := range Records(dir) {
		var d *DamageError
		switch {
		case errors.As(err, &d):
			damaged++
		case err != nil:
			t.Fatal(err)
		default:
			records = append(records, r)
		}
	}
	return records, damaged
}

func checkRun(t testing.TB, records []Record, n int) {
	t.Helper()
	if len(records) != n {
		t.Fatalf("read %d records, want %d", len(records), n)
	}
	for i, r := range records {
		if r.Sequence != uint64(i+1) || r.Header.Nonce != uint32(i) {
			t.Fatalf("record %d has sequence %d and nonce %d", i, r.Sequence, r.Header.Nonce)
		}
	}
}

func TestKeepsEverythingAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	for run := range uint32(3) {
		l := open(t, dir, Options{})
		fill(t, l, run*10, run*10+10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	records, damaged := read(t, dir)
	checkRun(t, records, 30)
	want := Record{Kind: KindShare, Sequence: 8, Time: start, User: "user.7", Difficulty: 7, Header: *header(7)}
	if records[7] != want || damaged != 0 {
		t.Errorf("record 7 is %+v, want %+v; %d damages", records[7], want, damaged)
	}
}

func TestBlockIsDurableWithItsOutcome(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{Delay: time.Hour, blockWait: time.Minute})
	if err := l.Block(start, "rig", 7, header(0), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Block(start, "rig", 7, header(1), errors.New("high-hash")); err != nil {
		t.Fatal(err)
	}
	records, _ := read(t, dir) // while it is open
	checkRun(t, records, 2)
	if r := records[0]; r.Kind != KindBlock || r.Height != 7 || r.Outcome != "" {
		t.Errorf("the good block reads back as %+v", r)
	}
	if records[1].Outcome != "high-hash" {
		t.Errorf("the refused block reads back as %+v", records[1])
	}
}

func TestRotates(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 500})
	for n := range uint32(40) {
		fill(t, l, n, n+1)
		if err := l.Sync(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	names, err := segments(dir)
	if err != nil || len(names) < 5 {
		t.Errorf("%d segments after 40 records of 140 bytes, err %v", len(names), err)
	}
	records, damaged := read(t, dir)
	checkRun(t, records, 40)
	if damaged != 0 {
		t.Errorf("%d damages in a whole ledger", damaged)
	}
}

// TestCrashAtAnyByte is kill -9 in the middle of a write, at every length that
// the file can have then: what was whole stays, nothing else appears, and the
// ledger goes on.
func TestCrashAtAnyByte(t *testing.T) {
	master := t.TempDir()
	l := open(t, master, Options{})
	fill(t, l, 0, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(master, segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	size := (len(whole) - len(magic)) / 20
	for range 60 {
		cut := rand.IntN(len(whole) + 1)
		junk := make([]byte, rand.IntN(2)*rand.IntN(300)) // zeroes that a file system leaves
		dir := t.TempDir()
		torn := append(bytes.Clone(whole[:cut]), junk...)
		if err := os.WriteFile(filepath.Join(dir, segmentName(1)), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, Options{})
		kept := int(l.Durable())
		if least := (cut - len(magic)) / (size + 1); kept < least {
			t.Fatalf("cut at %d of %d: %d records left, want at least %d", cut, len(whole), kept, least)
		}
		fill(t, l, uint32(kept), uint32(kept)+5)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		records, damaged := read(t, dir)
		checkRun(t, records, kept+5)
		if damaged != 0 {
			t.Fatalf("cut at %d: the repaired ledger has %d damages", cut, damaged)
		}
	}
}

func TestReadsOnBehindDamage(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	fill(t, l, 0, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, segmentName(1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x40
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Options{}) // must not cut the good half behind the damage
	fill(t, l, 20, 21)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	records, damaged := read(t, dir)
	if len(records) != 20 || damaged != 2 || records[19].Sequence != 21 {
		t.Errorf("%d records, %d damages; want 20 of 21 records, the damage and the gap told", len(records), damaged)
	}
}

func TestSecondPoolIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	if _, err := Open(dir, Options{}); err == nil {
		t.Fatal("two pools write one ledger")
	}
}

// TestDiskError lets the directory vanish: records wait in memory up to the limit,
// then the caller is told, soon; when the disk is back nothing that was taken is lost.
func TestDiskError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	l := open(t, dir, Options{Queue: 2000, Wait: time.Millisecond})
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	taken := uint32(0)
	var err error
	for ; err == nil; taken++ {
		err = l.Share(start, fmt.Sprintf("user.%d", taken), 1, header(taken))
		if taken > 1000 {
			t.Fatal("the queue has no limit")
		}
	}
	taken--
	if !errors.Is(err, ErrFull) {
		t.Errorf("a full queue gives %v", err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(time.Minute); err != nil {
		t.Fatal(err)
	}
	records, _ := read(t, dir)
	checkRun(t, records, int(taken))
}

func TestClosed(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if err := l.Share(start, "late", 1, header(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("a share after Close gives %v", err)
	}
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 10_000})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { fill(t, l, 0, 200) })
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	records, damaged := read(t, dir)
	if len(records) != 1600 || damaged != 0 {
		t.Errorf("%d records and %d damages, want 1600 and none", len(records), damaged)
	}
}

func TestShareDoesNotAllocate(t *testing.T) {
	l := open(t, t.TempDir(), Options{Delay: time.Hour, Queue: 64 << 20})
	h := header(1)
	fill(t, l, 0, 40_000) // both buffers grow once
	if err := l.Sync(time.Minute); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 0, 40_000)
	if err := l.Sync(time.Minute); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1000, func() {
		if err := l.Share(start, "user.1", 1, h); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("a share allocates %v times", n)
	}
}

// FuzzParseRecord also mends the length and the checksum, which no chance would meet.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendRecord(nil, &Record{Kind: KindShare, Sequence: 1, Time: start, User: "a"}, header(1)))
	f.Add(appendRecord(nil, &Record{Kind: KindBlock, Sequence: 2, Height: 9, Outcome: "no"}, header(2)))
	// A user that is too long: the outcome and its length, with an empty outcome behind.
	long := appendRecord(nil, &Record{Kind: KindBlock, Outcome: strings.Repeat("o", maxUser+1)}, header(3))
	user := len(long) - 2 - 2 - (maxUser + 1)
	f.Add(slices.Concat(long[:user], long[user+2:], []byte{0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkRecord(t, b)
		if b = bytes.Clone(b); len(b) >= frameSize {
			binary.LittleEndian.PutUint32(b, uint32(len(b)-frameSize))
			binary.LittleEndian.PutUint32(b[4:], checksum(b))
			checkRecord(t, b)
		}
	})
}

// checkRecord says that b is no record, or is written again as it is.
func checkRecord(t *testing.T, b []byte) {
	t.Helper()
	r, n, err := parseRecord(b)
	if err != nil {
		return
	}
	if again := appendRecord(nil, &r, &r.Header); !bytes.Equal(again, b[:n]) {
		t.Errorf("%x reads as %+v and writes as %x", b[:n], r, again)
	}
}

func BenchmarkShare(b *testing.B) {
	l := open(b, b.TempDir(), Options{Delay: 50 * time.Millisecond, Queue: 64 << 20, Wait: time.Minute})
	h := header(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Share(start, "bc1qexample.rig-1", 1024, h); err != nil {
				b.Error(err)
			}
		}
	})
	if err := l.Sync(time.Minute); err != nil {
		b.Fatal(err)
	}
}
