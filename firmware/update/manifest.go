package update

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is the number of the manifest's form.
const Format = 1

// Limits of a manifest: a device reads it whole, into memory, before it trusts it.
const (
	MaxManifest = 16 << 10
	maxFiles    = 32
	maxFile     = 1 << 30
)

// A Manifest names the files of one image for one board.
type Manifest struct {
	Format  int     `json:"format"`
	Board   string  `json:"board"`
	Version Version `json:"version"`
	// Minimum is the oldest version that a device may go back to once it has
	// run this one; the device keeps the greatest that it has seen.
	Minimum Version `json:"minimum"`
	// Built is when the image's source was committed, in seconds since 1970:
	// the device's clock is not before it.
	Built int64  `json:"built"`
	Files []File `json:"files"`
}

// A File is one file of an image.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 Hash   `json:"sha256"`
}

// Hash is a SHA-256 that is written as 64 hex digits.
type Hash [32]byte

// MarshalText writes hex digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads exactly 64 hex digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("update: a SHA-256 has 64 hex digits, not %d", len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// String writes hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// FileOf describes a file by its content.
func FileOf(name string, content []byte) File {
	return File{Name: name, Size: int64(len(content)), SHA256: sha256.Sum256(content)}
}

// Parse reads a manifest strictly: whatever Encode would not write in exactly these
// bytes is refused. Check its signature over the same bytes first.
func Parse(text []byte) (*Manifest, error) {
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("update: manifest of %d bytes; the limit is %d", len(text), MaxManifest)
	}
	if err := checkKeys(text); err != nil {
		return nil, err
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("update: manifest: %w", err)
	}
	again, err := m.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(text, again) {
		return nil, errors.New("update: manifest: a key is missing, or it is not written as lode writes it")
	}
	return &m, nil
}

// Encode writes what Parse reads, after the same checks.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.valid(); err != nil {
		return nil, fmt.Errorf("update: manifest: %w", err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("update: manifest: %w", err)
	}
	if text = append(text, '\n'); len(text) > MaxManifest {
		return nil, fmt.Errorf("update: manifest of %d bytes; the limit is %d", len(text), MaxManifest)
	}
	return text, nil
}

func (m *Manifest) valid() error {
	switch {
	case m.Format != Format:
		return fmt.Errorf("format %d; this program knows %d", m.Format, Format)
	case !ValidName(m.Board):
		return fmt.Errorf("board id %.40q is none", m.Board)
	case m.Minimum.Compare(m.Version) > 0:
		return fmt.Errorf("minimum %s is above its own version %s", m.Minimum, m.Version)
	case m.Built <= 0:
		return errors.New("no time of build")
	case len(m.Files) == 0 || len(m.Files) > maxFiles:
		return fmt.Errorf("%d files; it names 1 to %d", len(m.Files), maxFiles)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		switch key := strings.ToLower(f.Name); { // FAT knows no capitals
		case !ValidName(f.Name):
			return fmt.Errorf("file name %.40q: only letters, digits, dots, dashes and underscores", f.Name)
		case seen[key]:
			return fmt.Errorf("file %s twice", f.Name)
		case f.Size <= 0 || f.Size > maxFile:
			return fmt.Errorf("file %s: %d bytes", f.Name, f.Size)
		case f.SHA256 == Hash{}:
			return fmt.Errorf("file %s: no hash", f.Name)
		default:
			seen[key] = true
		}
	}
	return nil
}

// ValidName says whether s may be the id of a board or the name of an image's file:
// never a path.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && notVersion(r) })
}

// Check says whether the image is for this board and not older than what runs, nor
// than floor, the greatest Minimum that the board has seen. A board that runs the
// very same version may take it again: that repairs a slot.
func (m *Manifest) Check(board string, running, floor Version) error {
	switch {
	case m.Board != board:
		return fmt.Errorf("update: this image is for the board %s, and this is %s", m.Board, board)
	case m.Version.Compare(floor) < 0:
		return fmt.Errorf("update: version %s is older than %s, the oldest that this board may go back to", m.Version, floor)
	case m.Version.Compare(running) < 0:
		return fmt.Errorf("update: version %s is older than %s, which runs", m.Version, running)
	}
	return nil
}

// File finds a file by its name.
func (m *Manifest) File(name string) (File, bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}

// Check reads r to its end and says whether it is this file.
func (f File) Check(r io.Reader) error {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, f.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("update: %s: %w", f.Name, err)
	case n < f.Size:
		return fmt.Errorf("update: %s ends after %d of %d bytes", f.Name, n, f.Size)
	case n > f.Size:
		return fmt.Errorf("update: %s is longer than its %d bytes", f.Name, f.Size)
	case Hash(h.Sum(nil)) != f.SHA256:
		return fmt.Errorf("update: %s has another hash than its manifest says", f.Name)
	}
	return nil
}
