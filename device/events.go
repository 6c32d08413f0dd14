package device

import "time"

// An Event is one line of what happened to the device.
type Event struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// events keeps the newest ones.
type events struct {
	ring  [64]Event
	count int
}

func (e *events) add(at time.Time, text string) {
	e.ring[e.count%len(e.ring)] = Event{at, text}
	e.count++
}

// list returns them from old to new.
func (e *events) list() []Event {
	list := make([]Event, 0, len(e.ring))
	for i := max(0, e.count-len(e.ring)); i < e.count; i++ {
		list = append(list, e.ring[i%len(e.ring)])
	}
	return list
}
