package channel_test

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// A pool opens a channel, a device finds a share on it.
func Example() {
	now := time.Unix(1_700_000_000, 0)
	template := &bitcoin.Template{
		Height: 840_000, Version: 0x20000000, NBits: 0x17034219, NTime: 1_700_000_000,
		Value: 312_500_000, CoinbaseVersion: 2, CoinbasePrefix: bitcoin.HeightPush(840_000),
	}
	outputs := []bitcoin.Output{{Value: template.Value, Script: []byte{0x51}}}
	easy := bitcoin.MaxTarget()
	easy[31] = 0 // one hash in 256

	prefixes, _ := channel.NewExtranonces([]byte{1}, 4, 10_000)
	prefix, _ := prefixes.Allocate()
	body, err := channel.NewBody(template, bitcoin.Push([]byte("lode")), outputs, prefixes.Size()+2)
	if err != nil {
		panic(err)
	}
	server, err := channel.NewServer(channel.Grant{
		ChannelID: 1, Target: easy, ExtranoncePrefix: prefix, VersionMask: mining.VersionMask,
	})
	if err != nil {
		panic(err)
	}
	client := channel.NewClient(channel.Opening{
		ChannelID: 1, Target: easy, ExtranoncePrefix: prefix, VersionMask: mining.NarrowVersionMask,
		Ended: func(o channel.Outcome) { fmt.Println("share", o.Sequence, o.End) },
	})

	// Down: a future job and what starts it.
	job, _ := server.NewJob(body, true)
	change, _ := client.Handle(&job, now)
	fmt.Println(change)
	tip, _ := server.SetNewPrevHash(body, body.Tip)
	change, _ = client.Handle(&tip, now)
	fmt.Println(change)

	// The device hashes.
	work := client.Active()
	share := channel.Share{Job: work.Number, NTime: work.NTime, Version: work.Version, Found: now}
	for {
		header := work.Header(share.Nonce, share.NTime, share.Version)
		if share.Hash = header.Hash(); work.Target.MetBy(share.Hash) {
			break
		}
		share.Nonce++
	}

	// Up: the share; down: its answer.
	batch := channel.Batch{ChannelID: 1, Count: 1}
	message, _ := client.Submit(share)
	result, code := server.Submit(message, now)
	if batch.Add(message.SequenceNumber, result.Credit, now) && code == "" {
		answer := new(mining.SubmitSharesSuccess)
		batch.Take(answer)
		client.Handle(answer, now)
	}
	// Output:
	// nothing
	// tip changed
	// share 0 accepted
}
