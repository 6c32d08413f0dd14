package template

import (
	"testing"

	"github.com/lodefw/lode/internal/msgtest"
)

func TestMessages(t *testing.T) { msgtest.Run(t, "../..", "template", New) }

func FuzzDecode(f *testing.F) { msgtest.FuzzDecode(f, New) }

func FuzzJSON(f *testing.F) { msgtest.FuzzJSON(f, New) }

func BenchmarkEncode(b *testing.B) { msgtest.BenchmarkEncode(b, New) }

func BenchmarkDecode(b *testing.B) { msgtest.BenchmarkDecode(b, New) }
