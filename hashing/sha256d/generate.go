package sha256d

//go:generate go run -C _asm .
