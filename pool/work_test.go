package pool

import (
	"bytes"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

func TestSubsidy(t *testing.T) {
	m := maker{interval: 210_000}
	for height, want := range map[uint32]uint64{
		0: 50e8, 209_999: 50e8, 210_000: 25e8, 840_000: 312_500_000, 6_929_999: 1, 6_930_000: 0, 1 << 31: 0,
	} {
		if got := m.subsidy(height); got != want {
			t.Errorf("subsidy(%d) = %d, want %d", height, got, want)
		}
	}
}

func testMaker() maker {
	return newMaker(Config{PayoutScript: []byte{0x51}, Tag: "/lode/", SubsidyInterval: 150})
}

// TestAheadAtHalving: the empty block made ahead pays the new subsidy.
func TestAheadAtHalving(t *testing.T) {
	m := testMaker()
	w, err := m.make(nil, template(149, 1, hardBits), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if h, v := w.next.Template.Height, w.next.Template.Value; h != 150 || v != 25e8 {
		t.Errorf("ahead at height %d pays %d", h, v)
	}
	late := template(150, 2, hardBits)
	late.Value = 25e8 + 777
	if w, err = m.make(w, late, time.Now()); err != nil || w.start == nil || w.tip != 2 {
		t.Errorf("the job ahead is not used: %+v, %v", w, err)
	}
}

func TestCoinbaseSaysWhoAndIsUnique(t *testing.T) {
	a, b := testMaker(), testMaker()
	tpl := template(100, 1, hardBits)
	wa, err := a.make(nil, tpl, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	wb, err := b.make(nil, tpl, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(wa.body.Coinbase.Prefix, []byte("/lode/")) {
		t.Errorf("coinbase %x does not have the tag", wa.body.Coinbase.Prefix)
	}
	if bytes.Equal(wa.body.Coinbase.Prefix, wb.body.Coinbase.Prefix) {
		t.Error("two pools make the same coinbase")
	}
}

// TestLongestCoinbase: a long tag and a node with flags still fit.
func TestLongestCoinbase(t *testing.T) {
	m := newMaker(Config{PayoutScript: make([]byte, 34), Tag: string(make([]byte, maxTag)), SubsidyInterval: 150})
	tpl := template(8_000_000, 1, hardBits)
	tpl.CoinbasePrefix = append(bitcoin.HeightPush(8_000_000), make([]byte, 12)...)
	if _, err := m.make(nil, tpl, time.Now()); err != nil {
		t.Error(err)
	}
}
