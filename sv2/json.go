package sv2

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MarshalJSON returns the fields of m as one JSON object: it is every message's
// method of that name. The package's doc says how fields look.
func MarshalJSON(m Message) ([]byte, error) {
	b, err := appendFields([]byte{'{'}, m)
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON returns: it is every message's method of that
// name. Fields without a key keep their value.
func UnmarshalJSON(text []byte, m Message) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return fmt.Errorf("sv2: %s: %w", Name(m), err)
	}
	return setFields(m, keys)
}

// Name is the spec's name of m, with its dot: "SubmitShares.Error". The two messages
// called SetNewPrevHash have the same.
func Name(m Message) string {
	name := reflect.TypeOf(m).Elem().Name()
	for _, end := range []string{"Success", "Error"} {
		if base, ok := strings.CutSuffix(name, end); ok {
			return base + "." + end
		}
	}
	return name
}

// appendFields appends the fields of m, with a comma in front of each unless b ends
// with a brace.
func appendFields(b []byte, m Message) ([]byte, error) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		suffix, text, err := fieldJSON(v.Field(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("sv2: %s: %s: %w", Name(m), v.Type().Field(i).Name, err)
		}
		b = appendKey(b, snake(v.Type().Field(i).Name)+suffix)
		b = append(b, text...)
	}
	return b, nil
}

func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(strconv.AppendQuote(b, key), ':')
}

// fieldJSON returns a field's value, and the suffix that marks its form in the key.
func fieldJSON(field any) (suffix string, text []byte, err error) {
	switch v := field.(type) {
	case string:
		if !utf8.ValidString(v) {
			return "_hex", []byte(`"` + hex.EncodeToString([]byte(v)) + `"`), nil
		}
		return "", quote(v), nil
	case U256, []U256:
		suffix = "_be"
	}
	if v := reflect.ValueOf(field); v.Kind() == reflect.Slice && v.IsNil() && v.Type() != reflect.TypeFor[Bytes]() {
		return suffix, []byte("[]"), nil
	}
	text, err = json.Marshal(field)
	return suffix, text, err
}

// quote is a JSON string that is safe on a terminal: what is not printable is
// escaped. Strings come from peers, who may put anything there.
func quote(s string) []byte {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case strconv.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// setFields sets the fields of m that keys name.
func setFields(m Message, keys map[string]json.RawMessage) error {
	v := reflect.ValueOf(m).Elem()
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		fields[snake(v.Type().Field(i).Name)] = v.Field(i)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		name, target := findField(fields, strings.ToLower(key))
		if target == nil {
			return fmt.Errorf("sv2: %s has no field %q, or it is there twice", Name(m), key)
		}
		if string(keys[key]) == "null" && fields[name].Type() != reflect.TypeFor[OptU32]() {
			return fmt.Errorf("sv2: %s: %q cannot be null", Name(m), key)
		}
		if err := json.Unmarshal(keys[key], target); err != nil {
			return fmt.Errorf("sv2: %s: %q: %w", Name(m), key, err)
		}
		delete(fields, name)
	}
	return nil
}

// findField returns the name of the field that key means and where its value is to
// be put: the field itself, or what reads the form that the key's suffix marks. The
// target is nil if there is no such field.
func findField(fields map[string]reflect.Value, key string) (name string, target any) {
	if f, ok := fields[key]; ok {
		switch p := f.Addr().Interface().(type) {
		case *U256:
			return key, (*wireU256)(p)
		case *[]U256:
			return key, (*wireU256s)(p)
		default:
			return key, p
		}
	}
	if name, ok := strings.CutSuffix(key, "_be"); ok && fields[name].IsValid() {
		switch p := fields[name].Addr().Interface().(type) {
		case *U256, *[]U256:
			return name, p
		}
	}
	if name, ok := strings.CutSuffix(key, "_hex"); ok && fields[name].IsValid() {
		if p, ok := fields[name].Addr().Interface().(*string); ok {
			return name, (*hexString)(p)
		}
	}
	return "", nil
}

// wireU256 is an U256 whose text is in wire order.
type wireU256 U256

func (u *wireU256) UnmarshalText(text []byte) error {
	if err := (*U256)(u).UnmarshalText(text); err != nil {
		return err
	}
	slices.Reverse(u[:])
	return nil
}

// wireU256s is a list of U256 whose text is in wire order.
type wireU256s []U256

func (l *wireU256s) UnmarshalJSON(text []byte) error {
	var list []wireU256
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*l = make([]U256, len(list))
	for i, u := range list {
		(*l)[i] = U256(u)
	}
	return nil
}

// hexString is a string whose text is hex.
type hexString string

func (s *hexString) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*s = hexString(b)
	return err
}

// words are those of Go's names whose parts the spec writes as one word.
var words = strings.NewReplacer("NTime", "Ntime", "NBits", "Nbits", "NSequence", "Nsequence", "WTxID", "Wtxid", "ID", "Id")

// snake is the spec's name of a field: min_ntime for MinNTime.
func snake(name string) string {
	var b strings.Builder
	for i, r := range words.Replace(name) {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
