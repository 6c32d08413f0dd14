package device

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
)

// How many samples in a row must show something before it counts. With a sample
// each 300 ms all of it is over in less than the two seconds that a fault may take.
const (
	strikesFault = 2 // what a chip says in words, or a believed temperature
	strikes      = 3 // what is measured once
	// oldest is the greatest age at which a temperature still counts.
	oldest = 1500 * time.Millisecond
)

// A judge holds samples against a board's limits.
type judge struct {
	board *board.Board
	// live tells whether a chain's own sensors answer: it has hashed for some samples.
	live  func(chain, samples int) bool
	count map[string]int // samples in a row, by code and part
	still []stillness    // of each thermometer
}

// stillness is what all thermometers showed when one of them last moved, and how
// many samples ago that was.
type stillness struct {
	value   board.Celsius
	others  []board.Temperature
	samples int
}

// moves is how far another place may go while a fine sensor stands still.
const moves = board.Celsius(8)

// finding is something wrong in one sample, with a chain or with the board (0).
type finding struct {
	Reason
	chain int
	limit int
}

// verdict is what a sample says of a part: the first thing that has been wrong for
// long enough, and whatever is wrong at all.
type verdict struct {
	bad   *Reason
	doubt string
}

// look returns a verdict on what all chains share, and then on each chain.
func (j *judge) look(s *board.Sample) []verdict {
	var list []finding
	if s.Silent() {
		list = append(list, finding{newReason(ControllerSilent, j.board.Name, "does not answer"), 0, strikes})
	} else {
		list = append(j.rails(s), j.heat(s)...)
		list = append(list, j.fans(s)...)
	}
	verdicts := make([]verdict, len(j.board.Chains)+1)
	count := make(map[string]int, len(list))
	for i, f := range list {
		key := string(f.Code) + f.Part
		count[key] = j.count[key] + 1
		v := &verdicts[f.chain]
		if v.bad == nil && count[key] >= f.limit {
			v.bad = &list[i].Reason
			v.bad.At = s.At
		}
		if v.doubt == "" {
			v.doubt = f.String()
		}
	}
	j.count = count
	return verdicts
}

// liveAfter is for how many samples a chain must hash before its own sensors are
// missed: they are found and have been believed after three or four.
const liveAfter = 5

// missed tells whether a place has to be known now.
func (j *judge) missed(t *board.Thermometer) bool {
	return !t.Live || j.live(t.Chain, liveAfter)
}

// heat finds lost and hot places. A sensor's driver has already waited for further
// readings when it says that the sensor is lost.
func (j *judge) heat(s *board.Sample) (list []finding) {
	for i, t := range s.Temperatures {
		place := j.board.Thermometers[i]
		add := func(limit int, r Reason) { list = append(list, finding{r, place.Chain, limit}) }
		switch old := s.At.Sub(t.At) > oldest; {
		case (t.Err != nil || old) && !j.missed(place):
		case t.Err != nil:
			add(1, newReason(SensorLost, place.Name, "cannot be measured: %v", t.Err))
		case old:
			add(1, newReason(SensorLost, place.Name, "was measured last %v ago", s.At.Sub(t.At)))
		case t.Celsius > place.Heat.Max:
			add(strikesFault, newReason(OverTemperature, place.Name, "is at %.1f °C, at most %.0f °C is good", t.Celsius, place.Heat.Max))
		case place.Fine && j.stuck(s, i):
			add(1, newReason(SensorLost, place.Name, "stands at exactly %.3f °C while others move by %.0f K", t.Celsius, moves))
		}
	}
	return list
}

// stuck tells whether a sensor shows exactly the same while another place has got
// warmer or cooler: sooner than by its stillness alone.
func (j *judge) stuck(s *board.Sample, i int) bool {
	if j.still == nil {
		j.still = make([]stillness, len(s.Temperatures))
	}
	was := &j.still[i]
	if now := s.Temperatures[i].Celsius; was.others == nil || now != was.value {
		*was = stillness{value: now, others: s.Temperatures}
		return false
	}
	if was.samples++; was.samples < strikes {
		return false // any may show the same twice
	}
	for k, t := range s.Temperatures {
		then := was.others[k]
		if change := t.Celsius - then.Celsius; t.Err == nil && then.Err == nil && max(change, -change) > moves {
			return true
		}
	}
	return false
}

func (j *judge) fans(s *board.Sample) (list []finding) {
	for i, v := range s.Fans {
		f := j.board.Fans[i]
		switch {
		case v.Err != nil:
			list = append(list, finding{newReason(FanUnreadable, f.Name, "does not tell its speed: %v", v.Err), 0, strikes})
		case v.RPM < f.MinRPM:
			list = append(list, finding{newReason(FanStopped, f.Name, "turns at %.0f rpm, at least %.0f rpm is good", v.RPM, f.MinRPM), 0, strikes})
		}
	}
	return list
}

func (j *judge) rails(s *board.Sample) (list []finding) {
	for i, p := range s.Rails {
		r := j.board.Rails[i]
		add := func(c Code, limit int, err error) {
			if err != nil {
				list = append(list, finding{newReason(c, r.Name, "is bad: %v", err), r.Chain, limit})
			}
		}
		if p.Err != nil {
			add(RegulatorSilent, strikes, p.Err)
			continue
		}
		add(SupplyBad, strikesFault, r.Limits.BadInput(p.Power))
		if !r.IsOn() {
			continue
		}
		if p.Fault != "" {
			add(RegulatorFault, strikesFault, fmt.Errorf("it reports %s", p.Fault))
		}
		add(OverCurrent, strikes, r.Limits.BadCurrent(p.Power))
		add(OutputBad, strikes, r.BadOutput(p.Power))
	}
	return list
}

// margin is the least that a place is below a limit, negative above it; ok is
// false when a place that has to be known cannot be told. A chain that is off heats
// nothing.
func (j *judge) margin(s *board.Sample, limit func(board.Heat) board.Celsius) (least board.Celsius, ok bool) {
	least = 1000
	for i, t := range s.Temperatures {
		place := j.board.Thermometers[i]
		if t.Err == nil && s.At.Sub(t.At) <= oldest {
			least = min(least, limit(place.Heat)-t.Celsius)
			continue
		}
		if j.missed(place) && (place.Chain == 0 || j.live(place.Chain, 0)) {
			return 0, false
		}
	}
	return least, true
}

func target(h board.Heat) board.Celsius        { return h.Target }
func throttleLimit(h board.Heat) board.Celsius { return h.Throttle }
