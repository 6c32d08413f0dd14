package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lodefw/lode/internal/replace"
)

// keepEvery is how often the keeper writes at most: flash wears out.
const keepEvery = time.Hour

// A keeper saves the last time that an authenticated pool told, so that a board
// whose clock starts in 1970 knows at its next start how late it is at least.
type keeper struct {
	path  string // "": keep nothing
	log   *slog.Logger
	saved time.Time // of the last run; zero if unknown
	news  chan time.Time
}

func newKeeper(path string, log *slog.Logger) *keeper {
	k := &keeper{path: path, log: log, news: make(chan time.Time, 1)}
	if path == "" {
		return k
	}
	text, err := os.ReadFile(path)
	if err != nil {
		log.Info("no saved time", "err", err)
		return k
	}
	if k.saved, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text))); err != nil {
		log.Warn("saved time is not readable; it will be replaced", "file", path, "err", err)
	}
	return k
}

// see takes a time without waiting; one that comes too fast is dropped.
func (k *keeper) see(t time.Time) {
	select {
	case k.news <- t:
	default:
	}
}

// run writes what see was told, at once the first time and then rarely.
func (k *keeper) run(ctx context.Context) error {
	last := k.saved
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-k.news:
			if k.path == "" || t.Sub(last) < keepEvery {
				continue
			}
			if err := k.write(t); err != nil { // mining is worth more than the file
				k.log.Warn("time cannot be saved", "err", err)
				continue
			}
			last = t
		}
	}
}

func (k *keeper) write(t time.Time) error {
	return replace.File(k.path, []byte(t.UTC().Format(time.RFC3339)+"\n"), 0o600)
}
