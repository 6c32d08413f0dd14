package main

import (
	"github.com/lodefw/lode/board/laptop"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
)

// hashRate is what the miner will do, in the words of lode-pool: so that the first
// blocks come one by one on a fast machine, and soon with a slow board. The error is
// for a board that there is none of, before anything is started.
func (o *options) hashRate() (string, error) {
	if o.board == "" {
		b, err := laptop.New(laptop.Config{Threads: o.threads})
		if err != nil {
			return "", cli.Fail(cli.Config, err)
		}
		return hashing.FormatRate(b.HashRate()), nil
	}
	b, err := virtual.New(virtual.Config{Board: o.board})
	if err != nil {
		return "", cli.Fail(cli.Config, err)
	}
	return hashing.FormatRate(b.HashRate()), nil
}
