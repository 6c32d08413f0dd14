package sha256d

import "slices"

// of returns the words of the midstates from one on. They are made for all at once
// when they are first wanted.
func of[Words any](s *Search, all *[]Words, midstate int, prepare func(*Words, *State, *[3]uint32)) *Words {
	if len(*all) == 0 {
		*all = slices.Grow(*all, len(s.midstates))[:len(s.midstates)]
		for i := range *all {
			prepare(&(*all)[i], &s.midstates[i], &s.tail)
		}
	}
	return &(*all)[midstate]
}
