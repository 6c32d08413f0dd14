package main

import "fmt"

// The plain kernel is Go, a statement for each word: the compiler knows constants and
// chooses registers. It has no functions to call, because it would not put them
// inline in one as long as this.

// generatePlain writes the functions of the plain kernel.
func generatePlain(dir string) error {
	src := NewSource("")
	whole, version := NewSearch(Whole), NewSearch(Schedule)
	rows := whole.rows()

	known := preparedTable(whole.Live(whole.Last))
	src.Prepare("preparePlain", "plainWords", &whole.Graph, known)
	src.statements(statements{
		comment:  "plainLast is the last word of the hash of a nonce.",
		function: "plainLast(known *[plainWords]uint32, nonce uint32) uint32",
		words:    whole.Live(whole.Last), known: known, result: whole.Last,
	})

	known = preparedTable(whole.Live(rows...))
	src.Prepare("preparePlainRows", "plainRowsWords", &whole.Graph, known)
	src.Constant("plainRows", len(rows))
	src.statements(statements{
		comment:  "plainSchedule is K + W of the header's second block where the nonce is in them.",
		function: "plainSchedule(known *[plainRowsWords]uint32, nonce uint32, rows *[plainRows]uint32)",
		words:    whole.Live(rows...), known: known, rows: rows,
	})

	known = preparedTable(version.Live(version.Last))
	src.Prepare("preparePlainVersion", "plainVersionWords", &version.Graph, known)
	src.statements(statements{
		comment:  "plainVersion is plainLast with a schedule that is made.",
		function: "plainVersion(known *[plainVersionWords]uint32, rows *[plainRows]uint32, nonce uint32) uint32",
		words:    version.Live(version.Last), known: known, inputs: version.inputs(), result: version.Last,
	})
	return src.Write(dir, "plain.go")
}

// preparedTable is what is prepared of what the scanned words are made of.
func preparedTable(words []*Word) *Table {
	var t Table
	for _, w := range words {
		for _, a := range w.Args {
			if w.When == Scanned && a.When == Prepared {
				t.Need(a)
			}
		}
	}
	return &t
}

// statements is a function of the scanned ones of the words.
type statements struct {
	comment, function string
	words             []*Word
	known             *Table
	inputs            []*Word // taken from rows
	rows              []*Word // put there
	result            *Word   // returned; or nil
}

func (s *Source) statements(f statements) {
	fmt.Fprintf(&s.b, "\n// %s\nfunc %s {\n", f.comment, f.function)
	names := map[*Word]string{}
	for i, w := range f.inputs {
		names[w] = named("rows", i)
	}
	text := func(w *Word) string {
		switch {
		case w.When == Generated:
			return fmt.Sprintf("0x%08x", w.Value)
		case w.When == Prepared:
			return named("known", f.known.Index(w))
		}
		return names[w]
	}
	for _, w := range f.words {
		switch {
		case w.When < Scanned || names[w] != "":
		case w.Op == Input:
			names[w] = w.Name
		default:
			names[w] = fmt.Sprintf("x%d", len(names))
			fmt.Fprintf(&s.b, "\t%s := %s\n", names[w], inline(w, text))
		}
		for i, row := range f.rows {
			if row == w {
				fmt.Fprintf(&s.b, "\trows[%d] = %s\n", i, names[w])
			}
		}
	}
	if f.result != nil {
		fmt.Fprintf(&s.b, "\treturn %s\n", names[f.result])
	}
	s.b.WriteString("}\n")
}

// inline is a word as an expression without calls.
func inline(w *Word, text func(*Word) string) string {
	var x [3]string
	for i, a := range w.Args {
		x[i] = text(a)
	}
	rotate := func(n int) string { return fmt.Sprintf("(%s>>%d | %s<<%d)", x[0], n, x[0], 32-n) }
	switch w.Op {
	case Add:
		return fmt.Sprintf("%s + %s", x[0], x[1])
	case Ch:
		return fmt.Sprintf("%s ^ %s&(%s^%s)", x[2], x[0], x[1], x[2])
	case Maj:
		return fmt.Sprintf("(%s^%s)&(%s^%s) ^ %s", x[0], x[1], x[1], x[2], x[1]) // a^b is the next b^c
	}
	s := sigmas[w.Op]
	third := rotate(s.Third)
	if s.Shift {
		third = fmt.Sprintf("%s>>%d", x[0], s.Third)
	}
	return fmt.Sprintf("%s ^ %s ^ %s", rotate(s.First), rotate(s.Second), third)
}
