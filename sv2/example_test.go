package sv2_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// A connection keeps one Codec for each direction and one buffer.
func ExampleCodec() {
	var c sv2.Codec
	share := &mining.SubmitSharesStandard{ChannelID: 1, SequenceNumber: 2, JobID: 3, Nonce: 4, NTime: 5, Version: 6}
	frame, err := c.AppendFrame(nil, share)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", frame)

	h, err := sv2.ParseHeader(frame)
	if err != nil {
		log.Fatal(err)
	}
	m := mining.New(h.Type)
	if _, err := c.Decode(frame[sv2.HeaderSize:][:h.Length], m); err != nil {
		log.Fatal(err)
	}
	switch m := m.(type) {
	case *mining.SubmitSharesStandard:
		fmt.Println("share of channel", m.ChannelID, "with nonce", m.Nonce)
	}
	// Output:
	// 00801a180000010000000200000003000000040000000500000006000000
	// share of channel 1 with nonce 4
}

// A header-only pool takes devices that roll versions, and nothing else.
func ExampleSetup_Answer() {
	pool := sv2.Setup{
		Protocol:  sv2.ProtocolMining,
		Supported: mining.FlagRequiresStandardJobs | mining.FlagRequiresVersionRolling,
	}
	probe := &sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Flags: 0xffffffff}
	answer, ok := pool.Answer(probe)
	text, err := json.Marshal(answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ok, string(text))
	// Output: false {"flags":4294967290,"error_code":"unsupported-feature-flags"}
}

// Hashes print in display order, under a key that says so.
func ExampleMarshalJSON() {
	m := &mining.SetTarget{ChannelID: 7, MaximumTarget: sv2.U256{27: 0xff, 26: 0xff}}
	text, err := json.Marshal(m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"channel_id":7,"maximum_target_be":"00000000ffff0000000000000000000000000000000000000000000000000000"}
}

// Any frame becomes a line for people; ParseFrame goes back.
func ExampleFrame_JSON() {
	payload, err := hex.DecodeString("07000000" + "0b" + hex.EncodeToString([]byte("stale-share")))
	if err != nil {
		log.Fatal(err)
	}
	f := sv2.Frame{Type: mining.TypeCloseChannel, Payload: payload}
	text, err := f.JSON(mining.New)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"message":"CloseChannel","extension":0,"msg_type":24,"channel_msg":true,"channel_id":7,"reason_code":"stale-share"}
}
