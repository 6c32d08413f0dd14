package pid1

import (
	"fmt"
	"time"
)

// status is what is read of the miner's status.
type status struct {
	Board *struct {
		Name   string `json:"name"`
		Power  string `json:"power"`
		Reason *struct {
			Text   string `json:"text"`
			Advice string `json:"advice"`
		} `json:"reason"`
		Chains []struct {
			Model string     `json:"model"`
			MHz   float64    `json:"clock_mhz"`
			Chips []struct{} `json:"chips"`
		} `json:"chains"`
	} `json:"board"`
	Pool struct {
		State    string `json:"state"`
		Pool     string `json:"pool"`
		Accepted uint64 `json:"accepted"`
		Blocks   uint64 `json:"blocks"`
	} `json:"pool"`
	HashRate struct {
		Minute float64 `json:"1m"`
	} `json:"hash_rate"`
}

// A narrator tells what has changed in the miner's status since the last one.
type narrator struct {
	console  *console
	board    string
	pool     string
	mined    bool // at the last line about the pool
	poolTold time.Time
	began    bool   // a share was accepted
	blocks   uint64 // told
	told     time.Time
}

// tellEvery is how often the console hears of a miner that just mines.
const tellEvery = 10 * time.Minute

// hear takes a status. It returns true the first time that a share was accepted.
func (n *narrator) hear(s *status, now time.Time) (first bool) {
	if text := s.boardText(); text != n.board {
		n.board = text
		n.console.say("board: %s", text)
	}
	n.hearPool(s.Pool.State+" "+s.Pool.Pool, s.Pool.State == "mining", now)
	if s.Pool.Blocks > n.blocks {
		n.blocks = s.Pool.Blocks
		n.console.say("blocks: %d found", n.blocks)
	}
	if !n.began && s.Pool.Accepted > 0 {
		n.began, n.told = true, now
		n.console.say("shares: the first is accepted")
		return true
	}
	if n.began && now.Sub(n.told) >= tellEvery {
		n.told = now
		n.console.say("shares: %d accepted, %.3g hashes/s", s.Pool.Accepted, s.HashRate.Minute)
	}
	return false
}

// hearPool tells of the pool's state: of one that is away once a minute at most.
func (n *narrator) hearPool(text string, mining bool, now time.Time) {
	if text == n.pool || !mining && !n.mined && !n.poolTold.IsZero() && now.Sub(n.poolTold) < time.Minute {
		return
	}
	n.pool, n.mined, n.poolTold = text, mining, now
	n.console.say("pool: %s", text)
}

func (s *status) boardText() string {
	if s.Board == nil {
		return "the processor hashes"
	}
	text := s.Board.Name + " is " + s.Board.Power
	if s.Board.Power == "mining" {
		for _, c := range s.Board.Chains {
			text += fmt.Sprintf(", %d x %s", len(c.Chips), c.Model)
		}
	}
	if r := s.Board.Reason; r != nil {
		text += ": " + r.Text + "; " + r.Advice
	}
	return text
}
