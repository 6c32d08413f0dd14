package cli

import (
	"encoding"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Parse fills cfg, which holds the defaults: from the TOML file of -config (or of
// the variable PREFIX_CONFIG), then from the environment, then from the flags that
// define binds to cfg's fields. It returns the arguments after the flags.
//
// Keys are those of the fields' toml tags; the variable of a key is the prefix and
// the key's path in capitals, joined by "_": LODE_POOL_LIMITS_PER_ADDRESS. Lists
// are separated by commas, so are the pairs name=value of a table of strings; tables of
// a list are numbered from 0.
func Parse[C any](s IO, h Help, args []string, cfg *C, define func(*flag.FlagSet, *C)) ([]string, error) {
	path, err := configPath(s, h, args, *cfg, define)
	if err != nil {
		return nil, err
	}
	if path != "" {
		if err := readFile(path, cfg); err != nil {
			return nil, Fail(Config, err)
		}
	}
	known := map[string]bool{h.Prefix + "_CONFIG": true}
	getenv := func(name string) (string, bool) {
		known[name] = true
		return s.Getenv(name)
	}
	if err := overlay(reflect.ValueOf(cfg).Elem(), h.Prefix, getenv); err != nil {
		return nil, Fail(Config, err)
	}
	warnUnknown(s, h, known)
	fs := h.newFlags()
	addConfigFlag(fs)
	define(fs, cfg)
	if err := h.parse(s, fs, args); err != nil {
		return nil, err
	}
	return fs.Args(), nil
}

// warnUnknown tells of variables that look like settings and are none. It is no more
// than a warning, because container platforms set such names on their own.
func warnUnknown(s IO, h Help, known map[string]bool) {
	for _, kv := range s.Env {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, h.Prefix+"_") && !known[name] {
			fmt.Fprintf(s.Err, "%s: warning: %s is no setting; check its spelling\n", h.Name, clean(name))
		}
	}
}

func addConfigFlag(fs *flag.FlagSet) *string {
	return fs.String("config", "", "read the configuration from this TOML `file`")
}

// configPath parses args once, into a copy of the defaults, to learn the file.
func configPath[C any](s IO, h Help, args []string, cfg C, define func(*flag.FlagSet, *C)) (string, error) {
	fs := h.newFlags()
	path := addConfigFlag(fs)
	define(fs, &cfg)
	if err := h.parse(s, fs, args); err != nil {
		return "", err
	}
	if *path == "" {
		*path, _ = s.Getenv(h.Prefix + "_CONFIG")
	}
	return *path, nil
}

// readFile decodes strictly: a key that nobody reads is a mistake to tell about.
func readFile(path string, cfg any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	meta, err := toml.Decode(string(text), cfg)
	if err != nil {
		return fmt.Errorf("configuration: %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("configuration: %s: unknown key %q; check its spelling, or remove it", path, unknown[0])
	}
	return nil
}

// maxTables bounds how many tables of a list the environment may add.
const maxTables = 64

// overlay sets v, a struct, from the variables that begin with name.
func overlay(v reflect.Value, name string, getenv func(string) (string, bool)) error {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
		if key == "" || key == "-" {
			continue
		}
		if err := overlayField(v.Field(i), variable(name, key), getenv); err != nil {
			return err
		}
	}
	return nil
}

func variable(prefix, key string) string {
	return prefix + "_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

func overlayField(f reflect.Value, name string, getenv func(string) (string, bool)) error {
	_, isText := f.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case f.Kind() == reflect.Struct && !isText:
		return overlay(f, name, getenv)
	case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && !isText:
		return overlayTables(f, name, getenv)
	}
	text, ok := getenv(name)
	if !ok {
		return nil
	}
	if err := setText(f, text); err != nil {
		return fmt.Errorf("configuration: environment variable %s: %w", name, err)
	}
	return nil
}

// overlayTables sets NAME_0_KEY, NAME_1_KEY...: it changes tables that the file
// has, and goes on with new ones as long as one of their variables is set.
func overlayTables(f reflect.Value, name string, getenv func(string) (string, bool)) error {
	for i := range maxTables {
		used := false
		spy := func(n string) (string, bool) {
			v, ok := getenv(n)
			used = used || ok
			return v, ok
		}
		table := reflect.New(f.Type().Elem()).Elem()
		if i < f.Len() {
			table.Set(f.Index(i))
		}
		if err := overlay(table, name+"_"+strconv.Itoa(i), spy); err != nil {
			return err
		}
		switch {
		case i < f.Len():
			f.Index(i).Set(table)
		case used:
			f.Set(reflect.Append(f, table))
		default:
			return nil
		}
	}
	return nil
}

// setText sets a value from its text.
func setText(f reflect.Value, text string) error {
	if u, ok := f.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if f.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		f.SetInt(int64(d))
		return err
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Slice:
		return setList(f, text)
	case reflect.Map:
		return setPairs(f, text)
	default:
		return setNumber(f, text)
	}
	return nil
}

// setPairs sets a map of strings from name=value,name=value.
func setPairs(f reflect.Value, text string) error {
	pairs := make(map[string]string)
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("%q is not name=value", pair)
		}
		pairs[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	f.Set(reflect.ValueOf(pairs))
	return nil
}

func setNumber(f reflect.Value, text string) error {
	switch {
	case f.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		f.SetBool(b)
		return err
	case f.CanInt():
		n, err := strconv.ParseInt(text, 0, f.Type().Bits())
		f.SetInt(n)
		return err
	case f.CanUint():
		n, err := strconv.ParseUint(text, 0, f.Type().Bits())
		f.SetUint(n)
		return err
	case f.CanFloat():
		x, err := strconv.ParseFloat(text, f.Type().Bits())
		f.SetFloat(x)
		return err
	}
	return fmt.Errorf("a %s cannot be set from text", f.Type())
}

// setList replaces a list; an empty text makes it empty.
func setList(f reflect.Value, text string) error {
	f.SetZero()
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, ",") {
		item := reflect.New(f.Type().Elem()).Elem()
		if err := setText(item, strings.TrimSpace(part)); err != nil {
			return err
		}
		f.Set(reflect.Append(f, item))
	}
	return nil
}

// Pairs is a table of texts; a file may give numbers and truths without quotes.
type Pairs map[string]string

// UnmarshalTOML is part of toml.Unmarshaler.
func (p *Pairs) UnmarshalTOML(v any) error {
	table, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%v is no table: write name = \"value\" in lines below its [head]", v)
	}
	*p = make(Pairs, len(table))
	for name, v := range table {
		switch v := v.(type) {
		case string:
			(*p)[name] = v
		case bool, int64, float64:
			(*p)[name] = fmt.Sprint(v)
		default:
			return fmt.Errorf("%s: %v is no text: write it in quotes", name, v)
		}
	}
	return nil
}

// Strings is a list that a file may also give as a single text: pool = "URL".
type Strings []string

// UnmarshalTOML is part of toml.Unmarshaler.
func (l *Strings) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*l = Strings{v}
		return nil
	case []any:
		*l = nil
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return fmt.Errorf("%v is no text: write it in quotes", item)
			}
			*l = append(*l, text)
		}
		return nil
	}
	return fmt.Errorf("%v is neither a text nor a list of texts", v)
}
