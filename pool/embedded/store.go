package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb" // registers the driver
	"github.com/btcsuite/btcd/wire/v2"
)

// A data directory holds the genesis block, btcd's database and the journal.
const (
	genesisFile  = "genesis.block"
	databaseDir  = "blocks"
	databaseKind = "ffldb"
)

// loadGenesis reads the directory's first block, or makes one in an empty
// directory.
func loadGenesis(dir string, now time.Time, bits uint32) (*wire.MsgBlock, error) {
	path := filepath.Join(dir, genesisFile)
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		return parseGenesis(raw)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, databaseDir)); err == nil {
		return nil, fmt.Errorf("%s is missing beside the blocks; restore it, or start anew with an empty directory", genesisFile)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	genesis, fresh, err := genesisFor(now, bits)
	if err != nil {
		return nil, err
	}
	return genesis, writeFile(path, fresh)
}

// genesisFor is a chain's first block, and the bytes of its file.
func genesisFor(now time.Time, bits uint32) (*wire.MsgBlock, []byte, error) {
	genesis := newGenesis(now, bits)
	var b bytes.Buffer
	err := genesis.Serialize(&b)
	return genesis, b.Bytes(), err
}

// parseGenesis reads what genesisFor made. Only the header is taken from raw: the rest
// has to be what belongs to it, to the last byte.
func parseGenesis(raw []byte) (*wire.MsgBlock, error) {
	var h wire.BlockHeader
	if err := h.Deserialize(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("%s is damaged; restore it, or start anew with an empty directory", genesisFile)
	}
	target := blockchain.CompactToBig(h.Bits)
	genesis, same, err := genesisFor(h.Timestamp, h.Bits)
	if err != nil {
		return nil, err
	}
	if target.Sign() <= 0 || target.Cmp(powLimit()) > 0 || !bytes.Equal(raw, same) {
		return nil, fmt.Errorf("%s is damaged, or of another version of lode; restore it, or start anew with an empty directory", genesisFile)
	}
	return genesis, nil
}

// writeFile is there whole or not at all.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func openDatabase(dir string, net wire.BitcoinNet) (database.DB, error) {
	path := filepath.Join(dir, databaseDir)
	db, err := database.Open(databaseKind, path, net)
	var e database.Error
	if errors.As(err, &e) && e.ErrorCode == database.ErrDbDoesNotExist {
		db, err = database.Create(databaseKind, path, net)
	}
	if err != nil && strings.Contains(err.Error(), "temporarily unavailable") {
		return nil, errors.New("in use by another process; stop that one, or name another directory")
	}
	return db, err
}
