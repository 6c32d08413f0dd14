package update

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version orders images: the three numbers of a release, and how far behind it the
// image was built. Its text is what git describe prints, v1.2.3-14-gabcdef0; what
// follows the number of commits is told but does not count.
type Version struct {
	Major, Minor, Patch uint32
	// Commits after the release; seconds since 1970 before the first release.
	Commits uint64
	// Suffix is the rest of the text, with its dash: "-gabcdef0-dirty".
	Suffix string
}

// maxVersion bounds a version's text.
const maxVersion = 80

// ParseVersion reads a version; the v in front may be missing.
func ParseVersion(text string) (Version, error) {
	var v Version
	bad := func(why string) (Version, error) {
		return Version{}, fmt.Errorf("update: version %.80q: %s; it looks like v1.2.3 or v1.2.3-14-gabcdef0", text, why)
	}
	behindV := strings.TrimPrefix(text, "v")
	if len("v"+behindV) > maxVersion { // as String writes it
		return bad("too long")
	}
	numbers, rest, dash := strings.Cut(behindV, "-")
	parts := strings.Split(numbers, ".")
	if len(parts) != 3 {
		return bad("not three numbers")
	}
	for i, n := range []*uint32{&v.Major, &v.Minor, &v.Patch} {
		x, ok := decimal(parts[i], 32)
		if !ok {
			return bad("not three numbers")
		}
		*n = uint32(x)
	}
	if rest == "" {
		if dash {
			return bad("ends in a dash")
		}
		return v, nil
	}
	commits, suffix, more := strings.Cut(rest, "-")
	if x, ok := decimal(commits, 64); ok && x > 0 { // String leaves a 0 out
		v.Commits = x
		if !more {
			return v, nil
		}
	} else {
		suffix = rest
	}
	v.Suffix = "-" + suffix
	if strings.ContainsFunc(v.Suffix, notVersion) {
		return bad("only letters, digits, dots and dashes")
	}
	return v, nil
}

// decimal reads a number as String writes it, so that all comes back: 007 is none.
func decimal(text string, bits int) (uint64, bool) {
	x, err := strconv.ParseUint(text, 10, bits)
	return x, err == nil && text == strconv.FormatUint(x, 10)
}

func notVersion(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
}

// Compare is below zero if v is older than o.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor),
		cmp.Compare(v.Patch, o.Patch), cmp.Compare(v.Commits, o.Commits))
}

// String is what ParseVersion reads.
func (v Version) String() string {
	s := fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Commits > 0 {
		s += "-" + strconv.FormatUint(v.Commits, 10)
	}
	return s + v.Suffix
}

// MarshalText is String.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is ParseVersion.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = ParseVersion(string(text))
	return err
}
