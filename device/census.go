package device

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lodefw/lode/board"
)

// A census watches the chips of a board's chains and names what changes: chips and
// domains that fall silent or come back, and chips that give wrong results.
type census struct {
	chains map[int]*chainCensus
}

type chainCensus struct {
	looked time.Time
	counts time.Time // when the counters below were taken
	health []string
	good   []uint64
	wrong  []uint64
	bad    []bool // told to give wrong results
	whole  [2]uint64
	noisy  bool
}

const (
	// lookEvery is how often chips are looked at: a chain's driver takes longer to
	// know that one is dead.
	lookEvery = time.Second
	// countEvery is how often a chip's results are held against each other.
	countEvery = 30 * time.Second
	// countLeast is how many results a chip must have had for that.
	countLeast = 10
	// wrongAbove is the share of wrong results that is worth a word.
	wrongAbove = 0.05
)

// look returns what is new about a chain's chips.
func (c *census) look(number int, s *board.ChainStatus, now time.Time) (news []string) {
	if c.chains == nil {
		c.chains = make(map[int]*chainCensus)
	}
	was := c.chains[number]
	switch {
	case was == nil || len(was.health) != len(s.Chips):
		was = &chainCensus{bad: make([]bool, len(s.Chips))}
		was.take(s, now)
		c.chains[number] = was
		return nil
	case now.Sub(was.looked) < lookEvery || s.Phase != board.Hashing:
		return nil
	}
	was.looked = now
	news = was.changes(s)
	if now.Sub(was.counts) >= countEvery {
		news = append(news, was.results(s)...)
		was.take(s, now)
	}
	return news
}

// take remembers the counters.
func (c *chainCensus) take(s *board.ChainStatus, now time.Time) {
	c.counts = now
	c.good, c.wrong = make([]uint64, len(s.Chips)), make([]uint64, len(s.Chips))
	for i, chip := range s.Chips {
		c.good[i], c.wrong[i] = chip.Good, chip.HardwareErrors
	}
	c.whole = [2]uint64{s.Good, s.Duplicates + s.Lost}
	if c.health == nil {
		for _, chip := range s.Chips {
			c.health = append(c.health, chip.Health)
		}
	}
}

// changes tells of chips whose health is another, and of domains with none left.
func (c *chainCensus) changes(s *board.ChainStatus) (news []string) {
	groups := make(map[string][]int)
	left, lost := make(map[int]int), make(map[int]bool)
	for i, chip := range s.Chips {
		if chip.Health == alive {
			left[chip.Domain]++
		}
		if chip.Health != c.health[i] {
			groups[chip.Health] = append(groups[chip.Health], i)
			lost[chip.Domain] = chip.Health != alive
			c.health[i] = chip.Health
		}
	}
	for health, chips := range groups {
		news = append(news, fmt.Sprintf("%s %s", chipList(chips), health))
	}
	slices.Sort(news)
	var domains []int
	for d, is := range lost {
		if is && left[d] == 0 {
			domains = append(domains, d)
		}
	}
	if len(domains) > 0 {
		slices.Sort(domains)
		news = append(news, fmt.Sprintf("no chip is left in domain %s", ranges(domains)))
	}
	return news
}

// alive is the Health of a chip that is well.
const alive = "alive"

// results tells of chips that give more wrong results than they should, and of a
// chain whose results come twice or not at all.
func (c *chainCensus) results(s *board.ChainStatus) (news []string) {
	for i, chip := range s.Chips {
		good, wrong := since(chip.Good, c.good[i]), since(chip.HardwareErrors, c.wrong[i])
		bad := good+wrong >= countLeast && float64(wrong) > wrongAbove*float64(good+wrong)
		if bad && !c.bad[i] {
			news = append(news, fmt.Sprintf("chip %d: %.0f %% of its results are wrong", i, 100*float64(wrong)/float64(good+wrong)))
		}
		if good+wrong >= countLeast {
			c.bad[i] = bad
		}
	}
	good, spoiled := since(s.Good, c.whole[0]), since(s.Duplicates+s.Lost, c.whole[1])
	noisy := good+spoiled >= countLeast && float64(spoiled) > wrongAbove*float64(good+spoiled)
	if noisy && !c.noisy {
		news = append(news, fmt.Sprintf("%.0f %% of its results come twice or for no job that is known", 100*float64(spoiled)/float64(good+spoiled)))
	}
	c.noisy = noisy
	return news
}

// since is what a counter has gained; one that began anew has all it shows.
func since(now, was uint64) uint64 {
	if now < was {
		return now
	}
	return now - was
}

func chipList(chips []int) string {
	if len(chips) == 1 {
		return fmt.Sprintf("chip %d is", chips[0])
	}
	return fmt.Sprintf("chips %s are", ranges(chips))
}

// ranges writes rising numbers as 1-3, 5.
func ranges(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(list[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}
