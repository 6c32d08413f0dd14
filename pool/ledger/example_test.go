package ledger_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/pool/ledger"
)

// What each user has to get: open the ledger, read every record, add up.
func ExampleRecords() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	book, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range []string{"anna", "bela", "anna"} {
		if err := book.Share(time.Now(), user, 512, new(bitcoin.Header)); err != nil {
			log.Fatal(err)
		}
	}
	if err := book.Close(); err != nil {
		log.Fatal(err)
	}

	owed := map[string]float64{}
	for r, err := range ledger.Records(dir) {
		if err != nil {
			log.Fatal(err)
		}
		owed[r.User] += r.Difficulty
	}
	fmt.Println(owed)
	// Output: map[anna:1024 bela:512]
}
