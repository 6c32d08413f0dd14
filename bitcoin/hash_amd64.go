//go:build !purego

package bitcoin

import (
	"crypto/sha256"
	"reflect"

	minio "github.com/minio/sha256-simd"
)

// shaExtensions: minio's one-shot function is 8 % (Xeon) to 27 % (Zen 4) faster
// than the standard library for our short messages, but only with Intel's SHA
// instructions; without, it falls back to plain Go, which is far slower than the
// standard library's AVX2. Its New tells which: then it gives the standard hash.
var shaExtensions = reflect.TypeOf(minio.New()) != reflect.TypeOf(sha256.New())

func sum256(b []byte) [32]byte {
	if shaExtensions {
		return minio.Sum256(b)
	}
	return sha256.Sum256(b)
}
