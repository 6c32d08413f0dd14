package slot

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/update"
)

// A Bundle is an update as one file: a tar archive of the manifest, its signature and
// the slot's file, in this order. It is held in memory, as a board has more of that
// than of card that it could spare.
type Bundle struct {
	Manifest            *update.Manifest
	Image               []byte
	manifest, signature []byte
}

// MaxImage bounds what is read into memory.
const MaxImage = 24 << 20

const maxSignature = 1 << 10

// WriteBundle writes a bundle. The same files give the same bytes.
func WriteBundle(w io.Writer, manifest, signature, image []byte) error {
	m, err := update.Parse(manifest)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range []struct {
		name    string
		content []byte
	}{{recipe.SlotManifest, manifest}, {recipe.SlotManifest + recipe.Signature, signature}, {recipe.SlotFile, image}} {
		err := t.WriteHeader(&tar.Header{
			Name: f.name, Size: int64(len(f.content)), Mode: 0o644, ModTime: time.Unix(m.Built, 0).UTC(), Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = t.Write(f.content)
		}
		if err != nil {
			return fmt.Errorf("slot: bundle: %w", err)
		}
	}
	return t.Close()
}

// ReadBundle reads a bundle. check says whether manifest and signature are wanted,
// before the rest is read; the image is checked against it, and then that nothing is
// otherwise than WriteBundle writes it, be it what nobody reads.
func ReadBundle(r io.Reader, check func(manifest, signature []byte) (*update.Manifest, error)) (*Bundle, error) {
	b := new(Bundle)
	read := &tally{sum: sha256.New()}
	r = io.TeeReader(r, read)
	t := tar.NewReader(r)
	var err error
	if b.manifest, err = member(t, recipe.SlotManifest, update.MaxManifest); err != nil {
		return nil, err
	}
	if b.signature, err = member(t, recipe.SlotManifest+recipe.Signature, maxSignature); err != nil {
		return nil, err
	}
	if b.Manifest, err = check(b.manifest, b.signature); err != nil {
		return nil, err
	}
	f, ok := b.Manifest.File(recipe.SlotFile)
	if !ok {
		return nil, fmt.Errorf("slot: the manifest has no %s", recipe.SlotFile)
	}
	// The header is nobody's word: no more memory than the manifest says.
	if b.Image, err = member(t, recipe.SlotFile, min(f.Size, MaxImage)); err != nil {
		return nil, err
	}
	if err := f.Check(bytes.NewReader(b.Image)); err != nil {
		return nil, err
	}
	want := &tally{sum: sha256.New()}
	if err := WriteBundle(want, b.manifest, b.signature, b.Image); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, max(0, want.n-read.n)); err != nil {
		return nil, fmt.Errorf("slot: the bundle's end is cut off: %w", err)
	}
	if !bytes.Equal(read.sum.Sum(nil), want.sum.Sum(nil)) {
		return nil, errors.New("slot: the bundle is damaged: its files are good, what lies between them is not")
	}
	return b, nil
}

// tally counts and sums what is written to it.
type tally struct {
	n   int64
	sum hash.Hash
}

// Write is part of io.Writer.
func (t *tally) Write(p []byte) (int, error) {
	t.n += int64(len(p))
	return t.sum.Write(p)
}

// member reads the next file of an archive, which must be this one.
func member(t *tar.Reader, name string, most int64) ([]byte, error) {
	h, err := t.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("slot: the bundle ends before %s: it is cut off", name)
	case err != nil:
		return nil, fmt.Errorf("slot: this is no bundle, or it is damaged: %w", err)
	case h.Name != name || h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("slot: the bundle has %.40q where %s should be", h.Name, name)
	case h.Size > most:
		return nil, fmt.Errorf("slot: %s has %d bytes, at most %d can be taken", name, h.Size, most)
	}
	content := make([]byte, h.Size)
	if _, err := io.ReadFull(t, content); err != nil {
		return nil, fmt.Errorf("slot: %s is cut off: %w", name, err)
	}
	return content, nil
}
