package cli

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// NewLogger writes plain lines for people: time of day, level if it is not Info,
// message, key=value. Nothing that a peer sent can break a line or move the cursor.
func NewLogger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(&handler{w: w, mu: new(sync.Mutex), level: level})
}

type handler struct {
	w     io.Writer
	mu    *sync.Mutex // shared by all handlers made from one
	level slog.Level
	attrs string // rendered by WithAttrs
	group string // "a.b." by WithGroup
}

// Enabled is part of slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle writes one line with one Write.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 160)
	if !r.Time.IsZero() {
		b = r.Time.AppendFormat(b, "15:04:05 ")
	}
	if r.Level != slog.LevelInfo {
		b = append(append(b, r.Level.String()...), ' ')
	}
	b = append(b, clean(r.Message)...)
	b = append(b, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.group, a)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(append(b, '\n'))
	return err
}

// WithAttrs is part of slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	b := []byte(h.attrs)
	for _, a := range attrs {
		b = appendAttr(b, h.group, a)
	}
	c := *h
	c.attrs = string(b)
	return &c
}

// WithGroup is part of slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	if name != "" {
		c.group += name + "."
	}
	return &c
}

func appendAttr(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, x := range v.Group() {
			b = appendAttr(b, group, x)
		}
		return b
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	b = append(b, ' ')
	b = append(append(b, clean(group+a.Key)...), '=')
	if v.Kind() == slog.KindFloat64 { // four digits tell people enough
		return strconv.AppendFloat(b, v.Float64(), 'g', 4, 64)
	}
	return append(b, quote(v.String())...)
}

// quote leaves plain words alone and quotes the rest.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \"=") || strings.ContainsFunc(s, unprintable) {
		return strconv.Quote(s)
	}
	return s
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// clean replaces what could break a line or drive a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, s)
}
