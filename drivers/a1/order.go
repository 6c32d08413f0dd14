package a1

import "encoding/binary"

// orderTries are results that must all be wrong until the other order is tried:
// chips that find nothing right read other words than they were sent.
const orderTries = 8

// A wordOrder is how a chain's chips read the words of a midstate. The captures have
// each little-endian, but the program they are from was given its works by
// others; with works of its own it sends them big-endian on all usual computers.
// So the results decide, as long as none was right.
type wordOrder struct {
	big   bool
	sure  bool   // a result was right
	wrong int    // results since the order was chosen
	since uint64 // the generation of works that have it
}

func (o *wordOrder) words() binary.ByteOrder {
	if o.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// misread counts a wrong result of works that all have the present order, and
// changes that if nothing else has come.
func (c *Chain) misread(s *slot) {
	o := &c.order
	if o.sure || s.generation < o.since || s.generation2 != 0 && s.generation2 < o.since {
		return
	}
	if o.wrong++; o.wrong < orderTries {
		return
	}
	c.generation++ // what the chips have still got is of the old order
	*o = wordOrder{big: !o.big, since: c.generation}
	c.log.Warn("all results are wrong: midstates are sent in the other order of bytes", "order", o.words())
}
