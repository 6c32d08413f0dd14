package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/device/tuning"
	"github.com/lodefw/lode/internal/replace"
)

// profileVersion is the format's. Another one is not read.
const profileVersion = 1

// profile is what tuning has found, as a file keeps it.
type profile struct {
	Version int            `json:"version"`
	Board   string         `json:"board"`
	Target  tuning.Target  `json:"target"`
	Saved   time.Time      `json:"saved"`
	Rails   []profileRail  `json:"rails"`
	Chains  []profileChain `json:"chains"`
}

type profileRail struct {
	Name  string  `json:"name"`
	Volts float64 `json:"volts"`
}

type profileChain struct {
	Name  string    `json:"name"`
	Chips int       `json:"chips"`
	MHz   []float64 `json:"mhz"` // of each chip
}

// tunable is what of a board is tuned.
type tunable struct {
	board  *board.Board
	chains []board.Tunable
	rails  []*board.Rail
}

func tunableOf(b *board.Board) (t tunable, err error) {
	t = tunable{board: b, rails: b.TunableRails()}
	t.chains, err = b.Tunable()
	return t, err
}

// plan is what the board would start with.
func (t *tunable) plan() (p tuning.Plan) {
	for _, r := range t.rails {
		p.Volts = append(p.Volts, float64(r.Aimed()))
	}
	for _, c := range t.chains {
		p.Clocks = append(p.Clocks, floats(c.Clocks()))
	}
	return p
}

// begin has the board start with a plan.
func (t *tunable) begin(p tuning.Plan) (err error) {
	for i, r := range t.rails {
		err = errors.Join(err, t.board.Aim(r, board.Volts(p.Volts[i])))
	}
	for i, c := range t.chains {
		err = errors.Join(err, c.Tune(clocks(p.Clocks[i])))
	}
	return err
}

func (t *tunable) profile(p tuning.Plan, target tuning.Target, now time.Time) *profile {
	f := &profile{Version: profileVersion, Board: t.board.Name, Target: target, Saved: now.UTC().Truncate(time.Second)}
	for i, r := range t.rails {
		f.Rails = append(f.Rails, profileRail{r.Name, p.Volts[i]})
	}
	for i, c := range t.chains {
		f.Chains = append(f.Chains, profileChain{c.String(), len(p.Clocks[i]), p.Clocks[i]})
	}
	return f
}

// fits makes a plan of a profile, if it is for this board and within its clamps.
func (t *tunable) fits(f *profile) (p tuning.Plan, err error) {
	switch {
	case f.Version != profileVersion:
		return p, fmt.Errorf("it has version %d, want %d", f.Version, profileVersion)
	case f.Board != t.board.Name:
		return p, fmt.Errorf("it is for a %s, this is a %s", f.Board, t.board.Name)
	case len(f.Rails) != len(t.rails):
		return p, fmt.Errorf("it has %d voltages, this board has %d", len(f.Rails), len(t.rails))
	case len(f.Chains) != len(t.chains):
		return p, fmt.Errorf("it has %d chains, this board has %d", len(f.Chains), len(t.chains))
	}
	for i, r := range t.rails {
		least, most := t.board.TuningRange(r)
		switch v := f.Rails[i]; {
		case v.Name != r.Name:
			return p, fmt.Errorf("it has a voltage of %q, this board of %q", v.Name, r.Name)
		case !(v.Volts >= float64(least) && v.Volts <= float64(most)):
			return p, fmt.Errorf("%s would have %g V, it may have %g to %g V", r.Name, v.Volts, least, most)
		}
		p.Volts = append(p.Volts, f.Rails[i].Volts)
	}
	clamps := t.board.Clamps
	for i, c := range t.chains {
		chips := f.Chains[i].MHz
		if n := len(c.Clocks()); len(chips) != n || f.Chains[i].Chips != n {
			return p, fmt.Errorf("chain %d has %d chips there and %d here", i+1, f.Chains[i].Chips, n)
		}
		for j, mhz := range chips {
			if !(mhz >= float64(clamps.MinClock) && mhz <= float64(clamps.MaxClock)) {
				return p, fmt.Errorf("chip %d of chain %d would run at %g MHz, it may run at %g to %g MHz", j, i+1, mhz, clamps.MinClock, clamps.MaxClock)
			}
		}
		p.Clocks = append(p.Clocks, chips)
	}
	return p, nil
}

// maxProfile bounds the file: 400 chips need a few kilobytes.
const maxProfile = 1 << 20

// loadProfile gives the plan of a file. Without a file there is none, and no error.
func (t *tunable) loadProfile(path string) (p tuning.Plan, found bool, err error) {
	text, err := readSmall(path, maxProfile)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	var f profile
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil {
		p, err = t.fits(&f)
	}
	if err != nil {
		return p, false, fmt.Errorf("device: profile %s: %w", path, err)
	}
	return p, true, nil
}

func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}

// save writes the file.
func (f *profile) save(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("device: profile: %w", err)
	}
	if err := replace.File(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("device: profile: %w", err)
	}
	return nil
}
