//go:build !purego

#include "textflag.h"

// func maxCPUID() uint32
TEXT ·maxCPUID(SB), NOSPLIT, $0-4
	XORL AX, AX
	CPUID
	MOVL AX, ret+0(FP)
	RET

// func cpuidEBX(leaf uint32) uint32
TEXT ·cpuidEBX(SB), NOSPLIT, $0-12
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL BX, ret+8(FP)
	RET
