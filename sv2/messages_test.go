package sv2_test

import (
	"testing"

	"github.com/lodefw/lode/internal/msgtest"
	"github.com/lodefw/lode/sv2"
)

func TestMessages(t *testing.T) { msgtest.Run(t, "..", "common", sv2.New) }

func FuzzDecode(f *testing.F) { msgtest.FuzzDecode(f, sv2.New) }

func FuzzJSON(f *testing.F) { msgtest.FuzzJSON(f, sv2.New) }

func BenchmarkEncode(b *testing.B) { msgtest.BenchmarkEncode(b, sv2.New) }

func BenchmarkDecode(b *testing.B) { msgtest.BenchmarkDecode(b, sv2.New) }
