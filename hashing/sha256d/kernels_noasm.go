//go:build purego || !(amd64 || arm || arm64 || mips || mipsle)

package sha256d

// assembly lists no kernels: there is only plain Go.
func assembly() []Kernel { return nil }

// memory is what kernels in assembly work on.
type memory struct{}

func (*memory) renew(int) {}
