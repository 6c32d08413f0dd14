package device

import (
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
	count map[string]int // samples in a row, by code and part
	still []stillness    // of each thermometer
}

// stillness is what all thermometers showed when one of them last moved.
type stillness struct {
	value  board.Celsius
	others []board.Temperature
}

// moves is how far another place may go while a fine sensor stands still.
const moves = board.Celsius(8)

// finding is something wrong in one sample.
type finding struct {
	Reason
	limit int
}

// look returns the first thing that has been wrong for long enough, and whatever
// is wrong at all. powered tells whether the rails should be on.
func (j *judge) look(s *board.Sample, powered bool) (bad *Reason, doubt string) {
	var list []finding
	if s.Silent() {
		list = append(list, finding{newReason(ControllerSilent, j.board.Name, "does not answer"), strikes})
	} else {
		list = append(j.rails(s, powered), j.heat(s)...)
		list = append(list, j.fans(s)...)
	}
	count := make(map[string]int, len(list))
	for i, f := range list {
		key := string(f.Code) + f.Part
		count[key] = j.count[key] + 1
		if bad == nil && count[key] >= f.limit {
			bad = &list[i].Reason
			bad.At = s.At
		}
		if doubt == "" {
			doubt = f.String()
		}
	}
	j.count = count
	return bad, doubt
}

// heat finds lost and hot places. A sensor's driver has already waited for further
// readings when it says that the sensor is lost.
func (j *judge) heat(s *board.Sample) (list []finding) {
	for i, t := range s.Temperatures {
		place := j.board.Thermometers[i]
		switch {
		case t.Err != nil:
			list = append(list, finding{newReason(SensorLost, place.Name, "cannot be measured: %v", t.Err), 1})
		case s.At.Sub(t.At) > oldest:
			list = append(list, finding{newReason(SensorLost, place.Name, "was measured last %v ago", s.At.Sub(t.At)), 1})
		case t.Celsius > place.Heat.Max:
			list = append(list, finding{newReason(OverTemperature, place.Name, "is at %.1f °C, at most %.0f °C is good", t.Celsius, place.Heat.Max), strikesFault})
		case place.Fine && j.stuck(s, i):
			list = append(list, finding{newReason(SensorLost, place.Name, "stands at exactly %.3f °C while others move by %.0f K", t.Celsius, moves), 1})
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
		*was = stillness{now, s.Temperatures}
		return false
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
			list = append(list, finding{newReason(FanUnreadable, f.Name, "does not tell its speed: %v", v.Err), strikes})
		case v.RPM < f.MinRPM:
			list = append(list, finding{newReason(FanStopped, f.Name, "turns at %.0f rpm, at least %.0f rpm is good", v.RPM, f.MinRPM), strikes})
		}
	}
	return list
}

func (j *judge) rails(s *board.Sample, powered bool) (list []finding) {
	for i, p := range s.Rails {
		r := j.board.Rails[i]
		add := func(c Code, limit int, err error) {
			if err != nil {
				list = append(list, finding{newReason(c, r.Name, "is bad: %v", err), limit})
			}
		}
		if p.Err != nil {
			add(RegulatorSilent, strikes, p.Err)
			continue
		}
		add(SupplyBad, strikesFault, r.Limits.BadInput(p.Power))
		if !powered {
			continue
		}
		if p.Fault != "" {
			list = append(list, finding{newReason(RegulatorFault, r.Name, "reports %s", p.Fault), strikesFault})
		}
		add(OverCurrent, strikes, r.Limits.BadCurrent(p.Power))
		add(OutputBad, strikes, r.BadOutput(p.Power))
	}
	return list
}

// margin is the least that a place is below a limit, negative above it; ok is
// false when a place cannot be told.
func (j *judge) margin(s *board.Sample, limit func(board.Heat) board.Celsius) (least board.Celsius, ok bool) {
	least = 1000
	for i, t := range s.Temperatures {
		if t.Err != nil || s.At.Sub(t.At) > oldest {
			return 0, false
		}
		least = min(least, limit(j.board.Thermometers[i].Heat)-t.Celsius)
	}
	return least, true
}

func target(h board.Heat) board.Celsius        { return h.Target }
func throttleLimit(h board.Heat) board.Celsius { return h.Throttle }
