package pid1

import (
	"os"
	"strings"
	"time"
)

// behind says whether a clock that shows now is behind t, which has passed, by more than
// clockSlack.
func behind(now, t time.Time) bool { return t.After(now.Add(clockSlack)) }

const clockSlack = 2 * time.Second

// maxAge is how long after its build an image believes to run.
const maxAge = 15 * 365 * 24 * time.Hour

// plausible says whether an unauthenticated time can be: not before what is known -
// this image's build, the pool's time of the last run - nor an age after the build,
// nor where 32-bit kernels have no time any more.
func plausible(t, built, saved time.Time) bool {
	return !t.Before(built) && !t.Before(saved.Add(-time.Hour)) && t.Before(built.Add(maxAge)) && t.Unix() < 1<<31-1
}

// readClock reads the time that the miner has saved, RFC 3339; zero if there is none.
func readClock(path string) time.Time {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return time.Time{}
	}
	return t
}
