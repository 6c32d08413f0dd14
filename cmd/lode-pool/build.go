package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/pool/ledger"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// stack is a pool with all that it stands on.
type stack struct {
	pool     *pool.Pool
	listener *sv2net.Listener
	status   net.Listener
	url      noise.URL
	closers  []func() error // in the order of opening
}

// build opens everything, and closes it again if something fails.
func build(ctx context.Context, cfg *config, log *slog.Logger) (*stack, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	st := &stack{}
	if err := st.open(ctx, cfg, log); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

func (st *stack) open(ctx context.Context, cfg *config, log *slog.Logger) error {
	chain, pc, err := st.openChain(cfg, log)
	if err != nil {
		return err
	}
	pc.Tag, pc.SharesPerMinute, pc.FixedVersion, pc.Limits = cfg.Tag, cfg.SharesPerMinute, cfg.FixedVersion, cfg.limits()
	book, err := st.openLedger(cfg, log)
	if err != nil {
		return err
	}
	if st.pool, err = pool.New(pc, chain, book, log); err != nil {
		return cli.Fail(cli.Config, err)
	}
	return st.listen(ctx, cfg, pc, log)
}

// openLedger gives the ledger in the data folder; without a folder there is none.
func (st *stack) openLedger(cfg *config, log *slog.Logger) (pool.Ledger, error) {
	if cfg.Data == "" {
		if cfg.Chain == "rpc" {
			log.Warn("shares and blocks are not written down; -data FOLDER keeps them")
		}
		return nil, nil
	}
	book, err := ledger.Open(filepath.Join(cfg.Data, "ledger"), ledger.Options{Log: log})
	if err != nil {
		return nil, err
	}
	st.closers = append(st.closers, book.Close)
	return book, nil
}

// listen opens the ports and makes the URL.
func (st *stack) listen(ctx context.Context, cfg *config, pc pool.Config, log *slog.Logger) (err error) {
	var lc sv2net.ListenConfig
	if !cfg.Plain {
		secret, err := cfg.authority(log)
		if err != nil {
			return err
		}
		lc.Identity, err = noise.NewIdentity(noise.IdentityConfig{Authority: secret, Random: rand.Reader, Now: time.Now})
		if err != nil {
			return cli.Fail(cli.Config, err)
		}
		st.url.Key, st.url.HasKey = secret.Public(), true
	}
	if st.listener, err = bind(ctx, cfg, pc, lc); err != nil {
		return err
	}
	st.closers = append(st.closers, st.listener.Close)
	st.url.Host, st.url.Port = reachable(st.listener.Addr())
	if cfg.Status == "" {
		return nil
	}
	if st.status, err = cli.ListenStatus(cfg.Status); err != nil {
		return err
	}
	st.closers = append(st.closers, st.status.Close)
	log.Info("status", "address", st.status.Addr().String())
	return nil
}

// reachable is what devices should dial: for a listener on every interface, the
// first address of this machine that others can reach.
func reachable(a net.Addr) (host string, port uint16) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String(), 0
	}
	port = tcp.AddrPort().Port()
	if !tcp.IP.IsUnspecified() {
		return tcp.IP.String(), port
	}
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if err == nil && ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String(), port
		}
	}
	return "127.0.0.1", port
}

// close closes everything, last opened first. Listeners that the pool has closed
// already are no error.
func (st *stack) close() error {
	var errs []error
	for i := len(st.closers) - 1; i >= 0; i-- {
		if err := st.closers[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("lode-pool: stop: %w", err))
		}
	}
	st.closers = nil
	return errors.Join(errs...)
}
