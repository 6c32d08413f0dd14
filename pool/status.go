package pool

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// Status is what a pool shows of itself; it marshals to JSON.
type Status struct {
	Started     time.Time         `json:"started"`
	Connections int               `json:"connections"`
	TurnedAway  uint64            `json:"connections_refused"` // by a limit
	Channels    int               `json:"channels"`
	HashRate    float64           `json:"hash_rate"` // h/s over the last minutes, by accepted shares
	Accepted    uint64            `json:"shares_accepted"`
	Difficulty  float64           `json:"difficulty_accepted"` // credited in all
	Rejected    map[string]uint64 `json:"shares_rejected"`     // by error code
	Blocks      uint64            `json:"blocks"`              // that the chain took
	Refused     uint64            `json:"blocks_refused"`      // that the chain did not take
	Template    TemplateStatus    `json:"template"`
	Chain       ChainStatus       `json:"chain"`
	LedgerError string            `json:"ledger_error,omitempty"` // the last one
}

// TemplateStatus is the template that the present jobs are made from.
type TemplateStatus struct {
	Height       uint32       `json:"height"`
	PrevHash     bitcoin.Hash `json:"prev_hash"`
	Difficulty   float64      `json:"difficulty"` // of the network
	Value        uint64       `json:"value"`      // in satoshi
	Transactions int          `json:"transactions"`
	Made         time.Time    `json:"made"` // when the jobs were
}

// ChainStatus says whether the chain delivers.
type ChainStatus struct {
	Healthy   bool      `json:"healthy"` // a template came, and the last Run did not fail
	LastError string    `json:"last_error,omitempty"`
	Tips      uint64    `json:"tips"` // new tips since the start
	LastTip   time.Time `json:"last_tip"`
}
