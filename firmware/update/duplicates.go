package update

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep a manifest may nest; a valid one needs three.
const maxDepth = 8

// checkKeys refuses an object with the same key twice, however deep: two readers
// might not choose the same one. Nothing may follow the value.
func checkKeys(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := walk(d, 0); err != nil {
		return fmt.Errorf("update: manifest: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("update: manifest: something follows its end")
	}
	return nil
}

func walk(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	delim, nested := token.(json.Delim)
	switch {
	case err != nil || !nested:
		return err
	case depth == maxDepth:
		return fmt.Errorf("more than %d levels", maxDepth)
	case delim == '{':
		return walkObject(d, depth)
	}
	for d.More() {
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func walkObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key := token.(string)
		if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fmt.Errorf("key %.40q is none", key) // encoding/json would take FILES and fileſ for files
		}
		if seen[key] {
			return fmt.Errorf("key %.40q twice", key)
		}
		seen[key] = true
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}
