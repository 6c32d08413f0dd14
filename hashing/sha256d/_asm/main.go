package main

import (
	"flag"
	"fmt"
	"log"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "..", "where the package is")
	flag.Parse()
	for _, arch := range []struct {
		name     string
		generate func(dir string) error
	}{
		{"plain", generatePlain},
		{"amd64", generateAMD64},
		{"arm64", generateARM64},
		{"arm", generateARM},
		{"mips", generateMIPS},
	} {
		if err := arch.generate(*dir); err != nil {
			log.Fatal(fmt.Errorf("%s: %w", arch.name, err))
		}
	}
}
