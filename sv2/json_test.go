package sv2_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/jobdecl"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/template"
)

var anyMessage = sv2.FirstOf(mining.New, jobdecl.New, template.New, extension.New)

func TestMessageJSON(t *testing.T) {
	hash := sv2.U256{0: 0xaa, 31: 0xbb}
	const be = `"bb000000000000000000000000000000000000000000000000000000000000aa"`
	nan := sv2.F32(math.Float32frombits(0xffc00001))
	for _, test := range []struct {
		m    sv2.Message
		want string
	}{
		{&mining.NewMiningJob{ChannelID: 1, JobID: 2, Version: 0x20000000, MerkleRoot: hash},
			`{"channel_id":1,"job_id":2,"min_ntime":null,"version":536870912,"merkle_root_be":` + be + `}`},
		{&mining.NewMiningJob{MinNTime: sv2.Some(0)},
			`{"channel_id":0,"job_id":0,"min_ntime":0,"version":0,"merkle_root_be":"` + strings.Repeat("0", 64) + `"}`},
		{&mining.UpdateChannel{NominalHashRate: nan, MaximumTarget: hash},
			`{"channel_id":0,"nominal_hash_rate":"NaN 0xffc00001","maximum_target_be":` + be + `}`},
		{&mining.UpdateChannel{NominalHashRate: sv2.F32(math.Inf(-1)), MaximumTarget: hash},
			`{"channel_id":0,"nominal_hash_rate":"-Inf","maximum_target_be":` + be + `}`},
		{&mining.UpdateChannel{NominalHashRate: 1e12, MaximumTarget: hash},
			`{"channel_id":0,"nominal_hash_rate":1e+12,"maximum_target_be":` + be + `}`},
		{&mining.CloseChannel{ReasonCode: "\x1b[2J\x07\u202e\"\\日本 \U000e0001"},
			`{"channel_id":0,"reason_code":"\u001b[2J\u0007\u202e\"\\日本 \udb40\udc01"}`},
		{&mining.CloseChannel{ReasonCode: "\xc3("}, `{"channel_id":0,"reason_code_hex":"c328"}`},
		{&jobdecl.ProvideMissingTransactionsSuccess{TransactionList: []sv2.Bytes{{1, 2}, nil}},
			`{"request_id":0,"transaction_list":["0102",""]}`},
		{&jobdecl.ProvideMissingTransactions{}, `{"request_id":0,"unknown_tx_position_list":[]}`},
	} {
		got, err := json.Marshal(test.m)
		if err != nil || string(got) != test.want {
			t.Errorf("Marshal(%T) = %s, %v, want\n%s", test.m, got, err, test.want)
		}
		back := anyMessage(test.m.Type())
		if err := json.Unmarshal([]byte(test.want), back); err != nil {
			t.Errorf("Unmarshal(%s): %v", test.want, err)
			continue
		}
		want, _ := sv2.Append(nil, test.m)
		if b, err := sv2.Append(nil, back); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s became %+v, %v", test.want, back, err)
		}
	}
}

func TestUnmarshalJSONForms(t *testing.T) {
	wire := "aa" + strings.Repeat("0", 60) + "bb"
	want := mining.SetNewPrevHash{ChannelID: 1, PrevHash: sv2.U256{0: 0xaa, 31: 0xbb}, NBits: 5}
	for _, text := range []string{
		`{"channel_id":1,"prev_hash":"` + wire + `","nBits":5}`,
		`{"CHANNEL_ID":1,"Prev_Hash":"` + strings.ToUpper(wire) + `","nbits":5}`,
		`{"nbits":5,"channel_id":1,"prev_hash_BE":"bb` + strings.Repeat("0", 60) + `aa"}`,
	} {
		var m mining.SetNewPrevHash
		if err := json.Unmarshal([]byte(text), &m); err != nil || m != want {
			t.Errorf("%s = %+v, %v", text, m, err)
		}
	}
	var path template.NewTemplate
	if err := json.Unmarshal([]byte(`{"merkle_path":["`+wire+`"]}`), &path); err != nil || path.MerklePath[0] != want.PrevHash {
		t.Errorf("merkle_path in wire order = %+v, %v", path, err)
	}
}

func TestUnmarshalJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"prev_hash_le":""}`:                     "prev_hash_le",
		`{"nbits":1,"nBits":1}`:                   "twice",
		`{"nbits":null}`:                          "nbits",
		`{"nbits":"1"}`:                           "nbits",
		`{"nbits":4294967296}`:                    "nbits",
		`{"nbits":-1}`:                            "nbits",
		`{"nbits_be":1}`:                          "nbits_be",
		`{"nbits_hex":"01"}`:                      "nbits_hex",
		`{"prev_hash":"00"}`:                      "prev_hash",
		`{"prev_hash_be":"zz` + digits(62) + `"}`: "prev_hash_be",
		`{"_be":1}`:                               "_be",
		`{"":1}`:                                  `""`,
		`[]`:                                      "SetNewPrevHash",
		`{`:                                       "end of JSON",
	} {
		err := json.Unmarshal([]byte(text), new(mining.SetNewPrevHash))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Unmarshal(%s) = %v, want an error with %s", text, err, want)
		}
	}
}

func digits(n int) string { return strings.Repeat("0", n) }

func TestF32JSONKeepsBits(t *testing.T) {
	for _, bits := range []uint32{0, 0x80000000, 1, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0x3f800001} {
		f := sv2.F32(math.Float32frombits(bits))
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var back sv2.F32
		if err := json.Unmarshal(text, &back); err != nil || math.Float32bits(float32(back)) != bits {
			t.Errorf("%#x became %s, then %#x, %v", bits, text, math.Float32bits(float32(back)), err)
		}
	}
}

func TestFrameJSON(t *testing.T) {
	for _, test := range []struct {
		frame sv2.Frame
		want  string
	}{
		{sv2.Frame{Type: 0x74, Payload: []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
			`{"message":"RequestTransactionData.Success","extension":0,"msg_type":116,"channel_msg":false,"template_id":1,"excess_data":"","transaction_list":[]}`},
		{sv2.Frame{Type: mining.TypeUpdateChannelError.Plain(), Payload: []byte("\x01\x00\x00\x00\x01xTLV")},
			`{"message":"UpdateChannel.Error","extension":0,"msg_type":23,"channel_msg":false,"channel_id":1,"error_code":"x","tail":"544c56"}`},
		{sv2.Frame{Type: extension.TypeRequestExtensions, Payload: []byte("\x01\x00\x00\x00")},
			`{"message":"RequestExtensions","extension":1,"msg_type":0,"channel_msg":false,"request_id":1,"requested_extensions":[]}`},
		{sv2.Frame{Type: sv2.ChannelMsg | sv2.Ext(0x4001) | 5, Payload: []byte{1, 2}},
			`{"message":"","extension":16385,"msg_type":5,"channel_msg":true,"payload":"0102"}`},
	} {
		got, err := test.frame.JSON(anyMessage)
		if err != nil || string(got) != test.want {
			t.Errorf("JSON = %s, %v, want\n%s", got, err, test.want)
		}
		back, err := sv2.ParseFrame(got, anyMessage)
		if err != nil || back.Type != test.frame.Type || !bytes.Equal(back.Payload, test.frame.Payload) {
			t.Errorf("ParseFrame(%s) = %+v, %v", got, back, err)
		}
	}
	if _, err := (sv2.Frame{Type: 0x74, Payload: []byte{1}}).JSON(anyMessage); err == nil {
		t.Error("JSON of a torn payload succeeded")
	}
}

func TestParseFrame(t *testing.T) {
	for _, test := range []struct {
		text string
		want sv2.Type
	}{
		{`{"message":"SetNewPrevHash"}`, mining.TypeSetNewPrevHash},
		{`{"message":"SetNewPrevHash","msg_type":114}`, template.TypeSetNewPrevHash},
		{`{"message":"SetupConnectionSuccess","used_version":2}`, sv2.TypeSetupConnectionSuccess},
		{`{"message":"RequestExtensions.Error"}`, extension.TypeRequestExtensionsError},
		{`{"message":"NewMiningJob","channel_msg":false}`, mining.TypeNewMiningJob.Plain()},
		{`{"extension":7,"msg_type":9,"payload":"00"}`, sv2.Ext(7) | 9},
	} {
		if f, err := sv2.ParseFrame([]byte(test.text), anyMessage); err != nil || f.Type != test.want {
			t.Errorf("ParseFrame(%s) = %+v, %v, want type %#x", test.text, f, err, test.want)
		}
	}
	for _, text := range []string{
		``, `{}`, `[]`, `{"message":"Nonesuch"}`, `{"message":"SetNewPrevHash","msg_type":1}`, `{"payload":"00"}`,
		`{"message":"SetTarget","x":1}`, `{"message":"SetTarget","channel_id":-1}`, `{"message":"SetTarget","tail":"0"}`,
		`{"message":"CloseChannel","reason_code":"` + strings.Repeat("x", 256) + `"}`,
	} {
		if f, err := sv2.ParseFrame([]byte(text), anyMessage); err == nil {
			t.Errorf("ParseFrame(%s) = %+v, want an error", text, f)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add([]byte(`{"message":"SetTarget","channel_id":7,"tail":"00"}`))
	f.Add([]byte(`{"message":"SubmitShares.Error","msg_type":29,"error_code_hex":"ff"}`))
	f.Add([]byte(`{"message":"UpdateChannel","nominal_hash_rate":"NaN 0xffc00000"}`))
	f.Add([]byte(`{"extension":7,"msg_type":9,"channel_msg":true,"payload":"00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		frame, err := sv2.ParseFrame(text, anyMessage)
		if err != nil {
			return
		}
		printed, err := frame.JSON(anyMessage)
		if err != nil {
			return // an opaque payload under the number of a known message
		}
		back, err := sv2.ParseFrame(printed, anyMessage)
		if err != nil || back.Type != frame.Type {
			t.Fatalf("%s became %+v, %v", printed, back, err)
		}
		again, err := back.JSON(anyMessage)
		if err != nil || !bytes.Equal(again, printed) {
			t.Fatalf("%s became %s, %v", printed, again, err)
		}
	})
}
