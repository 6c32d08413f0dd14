package device

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lodefw/lode/board"
)

// A census watches the chips of a board's chains and names what changes: chips and
// domains that fall silent or come back, chips that give wrong results or too few,
// and what else is wrong on their line.
type census struct {
	chains map[int]*chainCensus
}

// chainCensus is what is remembered of one chain.
type chainCensus struct {
	looked time.Time
	health []string
	fast   span           // short: wrong results, the line
	slow   span           // long: chips that find too few
	said   map[string]int // what was told, and for how many more spans it stands
}

// A span is a chain's counters at one moment.
type span struct {
	at  time.Time
	was board.ChainStatus
}

const (
	// lookEvery is how often chips are looked at: a chain's driver takes longer to
	// know that one is dead.
	lookEvery = time.Second
	// fastSpan and slowSpan are how long results are counted before they count.
	fastSpan = 20 * time.Second
	slowSpan = 10 * time.Minute
	// countLeast is how many results there must be for that.
	countLeast = 10
	// wrongAbove is the share of wrong results that is worth a word.
	wrongAbove = 0.05
	// wrongLeast are more than chance.
	wrongLeast = 3
	// calmSpans is how many spans without something end it.
	calmSpans = 15
	// fewBelow is the share of the results to expect that is too few, when that
	// cannot be chance: it is farther than fewSigma from it.
	fewBelow = 0.8
	fewSigma = 5
	// noiseAbove is how many stray bytes in fastSpan are more than a glitch.
	noiseAbove = 8
)

// look returns what is new about a chain's chips. working tells whether they have
// something to do.
func (c *census) look(number int, s *board.ChainStatus, working bool, now time.Time) (news []string) {
	if c.chains == nil {
		c.chains = make(map[int]*chainCensus)
	}
	was := c.chains[number]
	if was == nil || len(was.health) != len(s.Chips) || s.Good < was.fast.was.Good || s.Good < was.slow.was.Good {
		was = &chainCensus{said: make(map[string]int)}
		for _, chip := range s.Chips {
			was.health = append(was.health, chip.Health)
		}
		c.chains[number] = was
		was.fast, was.slow = span{now, *s}, span{now, *s}
	}
	if now.Sub(was.looked) < lookEvery || s.Phase != board.Hashing {
		return nil
	}
	was.looked = now
	return append(was.changes(s), was.results(s, working, now)...)
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
			lost[chip.Domain] = lost[chip.Domain] || chip.Health != alive
			c.health[i] = chip.Health
		}
	}
	for health, chips := range groups {
		news = append(news, chipList(chips)+" "+health)
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

// results tells what the counters say once they have counted for long enough.
func (c *chainCensus) results(s *board.ChainStatus, working bool, now time.Time) (news []string) {
	if !working || s.Walking || s.MHz != c.slow.was.MHz {
		c.slow = span{now, *s} // what to expect is another from here on
	}
	if d := now.Sub(c.slow.at); d >= slowSpan {
		news = append(news, c.few(s, d.Seconds())...)
		c.slow = span{now, *s}
	}
	if now.Sub(c.fast.at) >= fastSpan {
		news = append(news, c.wrong(s)...)
		news = append(news, c.line(s)...)
		c.fast = span{now, *s}
	}
	return news
}

// say returns a text once, until what it is about has not been for a while.
func (c *chainCensus) say(about string, is bool, format string, args ...any) (news []string) {
	switch {
	case is && c.said[about] == 0:
		news = []string{fmt.Sprintf(format, args...)}
		fallthrough
	case is:
		c.said[about] = calmSpans
	case c.said[about] > 0:
		c.said[about]--
	}
	return news
}

// wrong names chips that give more wrong results than they should.
func (c *chainCensus) wrong(s *board.ChainStatus) (news []string) {
	for i, chip := range s.Chips {
		was := c.fast.was.Chips[i]
		good, wrong := float64(chip.Good-was.Good), float64(chip.HardwareErrors-was.HardwareErrors)
		if good+wrong >= countLeast {
			news = append(news, c.say(fmt.Sprint("wrong", i), wrong >= wrongLeast && wrong > wrongAbove*(good+wrong),
				"chip %d: %.0f %% of its results are wrong", i, 100*wrong/(good+wrong))...)
		}
	}
	return news
}

// line tells what is wrong with what comes from a chain as a whole.
func (c *chainCensus) line(s *board.ChainStatus) (news []string) {
	was := &c.fast.was
	good, twice, lost := float64(s.Good-was.Good), float64(s.Duplicates-was.Duplicates), float64(s.Lost-was.Lost)
	all := good + twice + lost
	news = append(news, c.say("twice", twice >= wrongLeast && twice > wrongAbove*all, "%.0f %% of its results come twice", 100*twice/all)...)
	news = append(news, c.say("lost", lost >= wrongLeast && lost > wrongAbove*all, "%.0f %% of its results are for no job that is known", 100*lost/all)...)
	noise, unasked := s.Noise-was.Noise, s.Unasked-was.Unasked
	news = append(news, c.say("noise", noise >= noiseAbove, "its line is bad: %d bytes in %v belong to no answer", noise, fastSpan)...)
	return append(news, c.say("unasked", unasked > 0, "%d answers in %v were not asked for", unasked, fastSpan)...)
}

// few names chips that find much less than their clock promises.
func (c *chainCensus) few(s *board.ChainStatus, seconds float64) (news []string) {
	sum := 0.0
	for _, chip := range s.Chips {
		sum += chip.MHz
	}
	if sum == 0 || s.ResultHashes == 0 {
		return nil
	}
	for i, chip := range s.Chips {
		want := s.HashRate * seconds / s.ResultHashes * chip.MHz / sum
		found := float64(chip.Good - c.slow.was.Chips[i].Good)
		is := chip.Health == alive && found < fewBelow*want && want-found > fewSigma*math.Sqrt(want)
		news = append(news, c.say(fmt.Sprint("few", i), is, "chip %d: it finds %.0f %% of what it should", i, 100*found/want)...)
	}
	return news
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
