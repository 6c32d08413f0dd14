package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// Set by the linker: -ldflags "-X github.com/lodefw/lode/internal/cli.version=1.2.3
// -X github.com/lodefw/lode/internal/cli.built=1795352354", Unix seconds.
var version, built string

// firstCommit is when lode began: no program of it is older.
const firstCommit = 1795352354 // 2026-11-22T12:59:14Z

// A Build says what this program was made from.
type Build struct {
	Version  string    // a tag, a pseudo-version or "devel"
	Revision string    // the commit, "" if unknown
	Time     time.Time // a clock that shows an earlier time is wrong
}

// ReadBuild asks the linker's values first, then what the go command recorded.
func ReadBuild() Build {
	info, _ := debug.ReadBuildInfo()
	return build(version, built, info)
}

func build(version, stamp string, info *debug.BuildInfo) Build {
	b := Build{Version: version, Time: time.Unix(firstCommit, 0).UTC()}
	if info != nil {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, kv := range info.Settings {
			switch kv.Key {
			case "vcs.revision":
				b.Revision = kv.Value
			case "vcs.time":
				if t, err := time.Parse(time.RFC3339, kv.Value); err == nil {
					b.Time = t.UTC()
				}
			}
		}
	}
	if sec, err := strconv.ParseInt(stamp, 10, 64); err == nil && sec > firstCommit {
		b.Time = time.Unix(sec, 0).UTC()
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	return b
}

// String is the line that -version prints.
func (b Build) String() string {
	return fmt.Sprintf("%s (revision %s, %s, %s, %s/%s)", b.Version, orUnknown(b.Revision),
		b.Time.Format(time.RFC3339), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s[:min(len(s), 12)]
}
