package msgtest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lodefw/lode/sv2"
)

// entry is one message of a spec file.
type entry struct {
	name   string
	typ    sv2.Type
	fields []field
}

type field struct{ name, typ string }

// readSpec reads sv2/testdata/spec/<spec>.txt.
func readSpec(t *testing.T, root, spec string) []entry {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "sv2", "testdata", "spec", spec+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		switch {
		case len(w) == 0 || w[0] == "#":
		case len(w) == 4:
			list = append(list, entry{name: w[1], typ: specType(t, w)})
		case len(w) == 2 && len(list) > 0:
			last := &list[len(list)-1]
			last.fields = append(last.fields, field{w[0], w[1]})
		default:
			t.Fatalf("%s.txt: line %q", spec, line)
		}
	}
	return list
}

// specType is the type in the line {section, name, number, channel bit}; the section
// of an extension's message is the extension.
func specType(t *testing.T, w []string) sv2.Type {
	t.Helper()
	number, err := strconv.ParseUint(w[2], 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	typ := sv2.Type(number)
	if w[3] == "1" {
		typ |= sv2.ChannelMsg
	}
	if ext, err := strconv.ParseUint(w[0], 0, 16); err == nil && strings.HasPrefix(w[0], "0x") {
		typ |= sv2.Ext(uint16(ext))
	}
	return typ
}

// wireTypes are the spec's names of what the Codec's methods read and write.
var wireTypes = map[string]string{
	"Bool": "BOOL", "U8": "U8", "U16": "U16", "U24": "U24", "U32": "U32", "LateU32": "U32", "U64": "U64",
	"F32": "F32", "U256": "U256", "OptU32": "OPTION[U32]", "Str": "STR0_255",
	"B32": "B0_32", "B255": "B0_255", "B64K": "B0_64K", "B16M": "B0_16M",
	"SeqU16": "SEQ0_64K[U16]", "SeqU32": "SEQ0_64K[U32]", "SeqU256": "SEQ0_64K[U256]",
	"Seq255U256": "SEQ0_255[U256]", "SeqB16M": "SEQ0_64K[B0_16M]",
}

// declarations reads the Wire methods of the package in dir: for each message the Go
// names and spec types of its fields, in the order written.
func declarations(t *testing.T, dir string) map[string][]field {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	messages := make(map[string][]field)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv != nil && f.Name.Name == "Wire" && !strings.HasSuffix(path, "_test.go") {
				name := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
				if fields, ok := wireFields(f); ok {
					messages[name] = fields
				}
			}
		}
	}
	return messages
}

// wireFields reads the body of a Wire method; ok is false if it has anything but
// calls such as c.U32(&m.JobID).
func wireFields(f *ast.FuncDecl) (fields []field, ok bool) {
	for _, stmt := range f.Body.List {
		call := stmt.(*ast.ExprStmt).X.(*ast.CallExpr)
		arg, ok := call.Args[0].(*ast.UnaryExpr)
		if !ok {
			return nil, false
		}
		fields = append(fields, field{
			name: arg.X.(*ast.SelectorExpr).Sel.Name,
			typ:  wireTypes[call.Fun.(*ast.SelectorExpr).Sel.Name],
		})
	}
	return fields, true
}

// checkSpec compares a declaration with the spec: number, channel bit, name, and the
// fields' names, types and order, in the struct, in Wire and in JSON.
func checkSpec(t *testing.T, e entry, m full, declared map[string][]field) {
	t.Helper()
	if m.Type() != e.typ {
		t.Errorf("Type = %#x, the spec says %#x", m.Type(), e.typ)
	}
	if sv2.Name(m) != e.name {
		t.Errorf("Name = %q, want %q", sv2.Name(m), e.name)
	}
	goType := reflect.TypeOf(m).Elem()
	wire, keys := declared[goType.Name()], jsonKeys(t, m)
	if goType.NumField() != len(e.fields) || len(wire) != len(e.fields) || len(keys) != len(e.fields) {
		t.Fatalf("%d struct fields, %d in Wire, %d in JSON, the spec has %d", goType.NumField(), len(wire), len(keys), len(e.fields))
	}
	for i, want := range e.fields {
		if name := goType.Field(i).Name; name != wire[i].name {
			t.Errorf("field %d is %s in the struct and %s in Wire", i, name, wire[i].name)
		}
		if wire[i].typ != want.typ {
			t.Errorf("%s is %s, the spec says %s", want.name, wire[i].typ, want.typ)
		}
		key := strings.ToLower(want.name)
		if strings.Contains(want.typ, "U256") {
			key += "_be"
		}
		if keys[i] != key {
			t.Errorf("%s is %q in JSON, want %q", want.name, keys[i], key)
		}
	}
}

// jsonKeys returns the keys of m's JSON in order.
func jsonKeys(t *testing.T, m full) []string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	place := func(key string) int { return bytes.Index(text, []byte(`"`+key+`":`)) }
	slices.SortFunc(keys, func(a, b string) int { return place(a) - place(b) })
	return keys
}
