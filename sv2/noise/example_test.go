package noise_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2/noise"
)

// A pool and a miner shake hands.
func Example() {
	// The pool has an authority key, and gives its public half to its miners.
	key, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	pool, err := noise.NewIdentity(noise.IdentityConfig{Authority: key, Random: rand.Reader, Now: time.Now})
	if err != nil {
		panic(err)
	}

	// The miner begins, the pool answers, the miner judges the answer.
	miner, err := noise.NewInitiator(noise.Authority{Key: pool.Authority()}, rand.Reader)
	if err != nil {
		panic(err)
	}
	act2, atPool, err := pool.Respond(miner.Act1())
	if err != nil {
		panic(err)
	}
	atMiner, err := miner.Finish(act2, time.Now())
	if err != nil {
		panic(err)
	}
	fmt.Println(len(miner.Act1()), len(act2), atMiner.Hash == atPool.Hash)
	fmt.Println("the pool's key is", key)
	// Output:
	// 64 234 true
	// the pool's key is (secret)
}

func ExampleParseURL() {
	u, err := noise.ParseURL("stratum2+tcp://pool.example:34254/9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh")
	fmt.Println(u.Address(), u.HasKey, err)

	_, err = noise.ParseURL("stratum2+tcp://pool.example")
	fmt.Println(err)
	// Output:
	// pool.example:34254 true <nil>
	// noise: pool URL "stratum2+tcp://pool.example": no port, want host:port (34254 is customary for Stratum V2)
}

// A board without a battery boots in 1970 and still mines safely.
func ExampleClock() {
	clock := noise.Clock{Built: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	ended := noise.Certificate{ValidFrom: 1_600_000_000, NotValidAfter: 1_700_000_000}

	pending, err := clock.Check(ended, time.Unix(90, 0)) // 90 s after power came on
	fmt.Println(pending, err)

	err = clock.CheckLater(ended, time.Unix(1_790_000_000, 0)) // ntime of the first job
	fmt.Println(err)
	// Output:
	// true <nil>
	// valid until 2023-11-14T22:13:20Z, and it is 2026-09-21T14:13:20Z here; is the clock right?: noise: certificate has expired
}
