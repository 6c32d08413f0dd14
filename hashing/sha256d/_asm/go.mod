module github.com/lodefw/lode/hashing/sha256d/_asm

go 1.26.0
