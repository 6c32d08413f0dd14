package device

import (
	"time"

	"github.com/lodefw/lode/board"
)

// fanControl keeps the hottest place at its target: duty grows while it is above,
// and falls slowly once it is well below. In between it stays, so that nobody hears
// it hunt.
type fanControl struct {
	duty float64
	at   time.Time
}

const (
	fanBand  = board.Celsius(4) // below the target, in which the duty stays
	fanRise  = 0.01             // of full duty, for each kelvin above and second
	fanFall  = 0.01             // of full duty, each second
	fanSmall = 0.02             // a change that is not worth a write
)

// next returns the duty for a margin below the target. A margin that is not known
// is full speed.
func (f *fanControl) next(margin board.Celsius, known bool, now time.Time) float64 {
	span := now.Sub(f.at).Seconds()
	if f.at.IsZero() || span < 0 {
		span = 0
	}
	f.at = now
	switch {
	case !known:
		f.duty = 1
	case margin < 0:
		f.duty += fanRise * float64(-margin) * span
	case margin > fanBand:
		f.duty -= fanFall * span
	}
	f.duty = min(1, max(0, f.duty))
	return f.duty
}

// throttle lowers the clock step by step while a place is above its throttle limit,
// and raises it again when all have been well below for a while.
type throttle struct {
	share float64 // of the full clock
	hot   int     // samples in a row
	moved time.Time
}

const (
	throttleStep  = 0.1
	throttleBack  = 0.05
	throttleLeast = 0.5
	throttleBand  = board.Celsius(4)
	throttlePause = 8 * time.Second  // a step shows after that
	backPause     = 20 * time.Second // without heat, for each step back
)

// next returns the share of the full clock to mine at, and whether it has changed.
func (t *throttle) next(margin board.Celsius, now time.Time) (share float64, changed bool) {
	was := t.share
	if margin >= 0 {
		t.hot = 0
	} else {
		t.hot++
	}
	switch since := now.Sub(t.moved); {
	case t.hot >= strikes && since >= throttlePause:
		t.share = max(throttleLeast, t.share-throttleStep)
	case margin > throttleBand && since >= backPause:
		t.share = min(1, t.share+throttleBack)
	}
	if margin <= throttleBand && t.share == was && t.share < 1 && t.hot == 0 {
		t.moved = now // not cool: the wait for a step back begins anew
	}
	if t.share != was {
		t.moved = now
	}
	return t.share, t.share != was
}
