package bitcoin

import (
	"bytes"
	"slices"
	"testing"

	"github.com/lodefw/lode/internal/vectors"
)

// The vectors of transactions: coinbases, their halves and outputs, merkle paths.

func TestVectorsCoinbases(t *testing.T) {
	type vector struct {
		Tx         hexBytes   `json:"coinbase_tx"`
		Segwit     bool       `json:"segwit"`
		Stripped   hexBytes   `json:"coinbase_tx_stripped"`
		TxID       hexBytes   `json:"txid_le"`
		WTxID      hexBytes   `json:"wtxid_hash_le"`
		ScriptSig  hexBytes   `json:"script_sig"`
		TxCount    int        `json:"tx_count"`
		MerklePath []hexBytes `json:"merkle_path"`
		MerkleRoot hexBytes   `json:"merkle_root_le"`
		Header     hexBytes   `json:"header"`
		HashBE     hexBytes   `json:"hash_be"`
		Split      struct {
			Prefix     hexBytes `json:"coinbase_tx_prefix"`
			Extranonce hexBytes `json:"extranonce"`
			Suffix     hexBytes `json:"coinbase_tx_suffix"`
		} `json:"split"`
		Height  *uint32    `json:"height"`
		Witness []hexBytes `json:"witness"`
	}
	vectors.Each(t, "coinbases", func(t *testing.T, v vector) {
		// The whole transaction, stripped at an arbitrary cut.
		p, s, had := StripBIP141(v.Tx[:42], v.Tx[42:])
		if had != v.Segwit {
			t.Fatalf("StripBIP141 says %v, want %v", had, v.Segwit)
		}
		wantBytes(t, "stripped", slices.Concat(p, s), v.Stripped)
		p, s = AddBIP141(p, s)
		if had && len(v.Witness) == 1 && bytes.Equal(v.Witness[0], make([]byte, 32)) {
			wantBytes(t, "added again", slices.Concat(p, s), v.Tx)
		}
		wantHash(t, "wtxid", DoubleHash(v.Tx), wire(t, v.WTxID))

		n := len(v.Split.Extranonce)
		c := NewCoinbase(v.Split.Prefix, v.Split.Suffix, n)
		c.Witness = v.Segwit
		id := c.TxID(v.Split.Extranonce)
		wantHash(t, "TxID", id, wire(t, v.TxID))
		plain := Coinbase{Prefix: v.Split.Prefix, Suffix: v.Split.Suffix}
		wantHash(t, "TxID without midstate", plain.TxID(v.Split.Extranonce), id)
		wantBytes(t, "Full", c.Full(v.Split.Extranonce), v.Tx)

		h, err := ParseHeader(v.Header)
		if err != nil {
			t.Fatal(err)
		}
		path := wires(t, v.MerklePath)
		wantHash(t, "FoldMerkle", FoldMerkle(id, path), wire(t, v.MerkleRoot))
		wantHash(t, "header's root", h.MerkleRoot, wire(t, v.MerkleRoot))
		wantHash(t, "header's hash", h.Hash(), display(t, v.HashBE))
		// A path has as many levels as the number of transactions has bits.
		if levels := len(MerklePath(make([]Hash, v.TxCount-1))); levels != len(path) {
			t.Errorf("MerklePath of %d transactions has %d levels, want %d", v.TxCount, levels, len(path))
		}
		if v.Height != nil && h.Version > 1 && !bytes.HasPrefix(v.ScriptSig, HeightPush(*v.Height)) {
			t.Errorf("HeightPush(%d) = %x does not begin %x", *v.Height, HeightPush(*v.Height), v.ScriptSig)
		}
	})
}

func TestVectorsMerkleFolds(t *testing.T) {
	type vector struct {
		Prefix           hexBytes   `json:"coinbase_tx_prefix"`
		ExtranoncePrefix hexBytes   `json:"extranonce_prefix"`
		Extranonce       hexBytes   `json:"extranonce"`
		Suffix           hexBytes   `json:"coinbase_tx_suffix"`
		MerklePath       []hexBytes `json:"merkle_path"`
		TxID             hexBytes   `json:"coinbase_txid_le"`
		MerkleRoot       hexBytes   `json:"merkle_root_le"`
	}
	vectors.Each(t, "merkle_folds", func(t *testing.T, v vector) {
		extranonce := slices.Concat(v.ExtranoncePrefix, v.Extranonce)
		c := NewCoinbase(v.Prefix, v.Suffix, len(extranonce))
		id := c.TxID(extranonce)
		if v.TxID != nil {
			wantHash(t, "TxID", id, wire(t, v.TxID))
		}
		wantHash(t, "FoldMerkle", FoldMerkle(id, wires(t, v.MerklePath)), wire(t, v.MerkleRoot))
	})
}

func TestVectorsBIP141(t *testing.T) {
	type vector struct {
		Prefix         hexBytes `json:"prefix"`
		Suffix         hexBytes `json:"suffix"`
		Has            bool     `json:"has_bip141"`
		StrippedPrefix hexBytes `json:"stripped_prefix"`
		StrippedSuffix hexBytes `json:"stripped_suffix"`
	}
	vectors.Each(t, "bip141", func(t *testing.T, v vector) {
		p, s, had := StripBIP141(v.Prefix, v.Suffix)
		if had != v.Has {
			t.Fatalf("StripBIP141 says %v, want %v", had, v.Has)
		}
		if !had {
			v.StrippedPrefix, v.StrippedSuffix = v.Prefix, v.Suffix
		}
		wantBytes(t, "prefix", p, v.StrippedPrefix)
		wantBytes(t, "suffix", s, v.StrippedSuffix)
		if had {
			p, s = AddBIP141(p, s)
			wantBytes(t, "prefix added again", p, v.Prefix)
			wantBytes(t, "suffix added again", s, v.Suffix)
		}
	})
}

// outputVector is an output as the vectors write it.
type outputVector struct {
	Value  uint64   `json:"value"`
	Script hexBytes `json:"script_pubkey"`
}

func outputsOf(list []outputVector) (out []Output) {
	for _, o := range list {
		out = append(out, Output{o.Value, o.Script})
	}
	return out
}

func TestVectorsTemplateToJob(t *testing.T) {
	type vector struct {
		Template struct {
			Prefix       hexBytes   `json:"coinbase_prefix"`
			Version      uint32     `json:"coinbase_tx_version"`
			Sequence     uint32     `json:"coinbase_tx_input_sequence"`
			Locktime     uint32     `json:"coinbase_tx_locktime"`
			Outputs      hexBytes   `json:"coinbase_tx_outputs"`
			OutputsCount uint32     `json:"coinbase_tx_outputs_count"`
			MerklePath   []hexBytes `json:"merkle_path"`
		} `json:"template"`
		PoolOutputs    []outputVector `json:"pool_outputs"`
		Tag            hexBytes       `json:"script_sig_tag"`
		ExtranonceSize int            `json:"full_extranonce_size"`
		Prefix         hexBytes       `json:"coinbase_tx_prefix"`
		Suffix         hexBytes       `json:"coinbase_tx_suffix"`
		PrefixBIP141   hexBytes       `json:"coinbase_tx_prefix_bip141"`
		SuffixBIP141   hexBytes       `json:"coinbase_tx_suffix_bip141"`
		Extranonce     hexBytes       `json:"full_extranonce"`
		TxID           hexBytes       `json:"coinbase_txid_le"`
		MerkleRoot     hexBytes       `json:"merkle_root_le"`
	}
	vectors.Each(t, "template_to_job", func(t *testing.T, v vector) {
		outputs := outputsOf(v.PoolOutputs)
		template := Template{
			Value:               sumOutputs(outputs),
			CoinbaseVersion:     v.Template.Version,
			CoinbasePrefix:      v.Template.Prefix,
			CoinbaseSequence:    v.Template.Sequence,
			CoinbaseLocktime:    v.Template.Locktime,
			CoinbaseOutputs:     v.Template.Outputs,
			CoinbaseOutputCount: v.Template.OutputsCount,
			Witness:             v.PrefixBIP141 != nil,
			MerklePath:          wires(t, v.Template.MerklePath),
		}
		c, err := template.Coinbase(v.Tag, outputs, v.ExtranonceSize)
		if v.Prefix == nil {
			if err == nil {
				t.Errorf("Coinbase = %x, want an error", c.Prefix)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "Prefix", c.Prefix, v.Prefix)
		wantBytes(t, "Suffix", c.Suffix, v.Suffix)
		if template.Witness {
			p, s := AddBIP141(c.Prefix, c.Suffix)
			wantBytes(t, "Prefix with BIP141", p, v.PrefixBIP141)
			wantBytes(t, "Suffix with BIP141", s, v.SuffixBIP141)
			wantBytes(t, "Full", c.Full(v.Extranonce), slices.Concat(v.PrefixBIP141, v.Extranonce, v.SuffixBIP141))
		}
		if v.Extranonce != nil {
			wantHash(t, "TxID", c.TxID(v.Extranonce), wire(t, v.TxID))
			wantHash(t, "root", FoldMerkle(c.TxID(v.Extranonce), template.MerklePath), wire(t, v.MerkleRoot))
		}
	})
}

func TestVectorsOutputForms(t *testing.T) {
	type vector struct {
		Outputs   []outputVector `json:"outputs"`
		WithCount hexBytes       `json:"with_compactsize_prefix"`
		Bare      hexBytes       `json:"without_prefix"`
		Count     uint64         `json:"count"`
		Size      int            `json:"total_serialized_size"`
	}
	vectors.Each(t, "output_forms", func(t *testing.T, v vector) {
		outputs := outputsOf(v.Outputs)
		bare := AppendOutputs(nil, outputs)
		wantBytes(t, "bare", bare, v.Bare)
		if len(bare) != v.Size {
			t.Errorf("%d bytes, want %d", len(bare), v.Size)
		}
		wantBytes(t, "with count", append(AppendCompactSize(nil, v.Count), bare...), v.WithCount)
		n, rest, err := ReadCompactSize(v.WithCount)
		if err != nil || n != v.Count {
			t.Fatalf("count %d, %v, want %d", n, err, v.Count)
		}
		got, err := ParseOutputs(rest)
		if err != nil || !slices.EqualFunc(got, outputs, sameOutput) {
			t.Errorf("ParseOutputs = %v, %v, want %v", got, err, outputs)
		}
	})
}

func sameOutput(a, b Output) bool { return a.Value == b.Value && bytes.Equal(a.Script, b.Script) }
