package described

import _ "embed"

//go:embed example.toml
var example []byte

// Example is the file that docs/board-file.md shows.
func Example() []byte { return append([]byte(nil), example...) }
