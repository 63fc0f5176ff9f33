//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// What digits count in pairs, in fours and in eights of them.
DATA tens<>+0(SB)/8, $0x010a010a010a010a
GLOBL tens<>(SB), RODATA|NOPTR, $8
DATA hundreds<>+0(SB)/4, $0x00010064
GLOBL hundreds<>(SB), RODATA|NOPTR, $4
DATA thousands<>+0(SB)/4, $0x00012710
GLOBL thousands<>(SB), RODATA|NOPTR, $4
DATA digit<>+0(SB)/1, $'0'
GLOBL digit<>(SB), RODATA|NOPTR, $1
DATA upper<>+0(SB)/1, $0xf0
GLOBL upper<>(SB), RODATA|NOPTR, $1

// func floatsAVX2(w *window, dst *float32, n int, r *run) (read int)
//
// It is floatsByWords, step by step: DI is w, R8 to R10 are r's begin, start and end, BX counts.
TEXT ·floatsAVX2(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ dst+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ r+24(FP), AX
	MOVQ run_begin(AX), R8
	MOVQ run_start(AX), R9
	MOVQ run_end(AX), R10
	LEAQ ·fractions(SB), R11
	VPBROADCASTB digit<>(SB), X10
	VPBROADCASTQ tens<>(SB), X11
	VPBROADCASTD hundreds<>(SB), X12
	VPBROADCASTD thousands<>(SB), X13
	VPBROADCASTB upper<>(SB), X14
	XORL BX, BX
	JMP  more

number:
	LEAQ    const_ahead(R8), DX
	CMPQ    DX, $(const_ahead+const_blockSize)
	JCC     done
	TZCNTQ  R10, R12                // to
	MOVBLZX (DI)(DX*1), R13
	NOTL    R13
	SHRL    $4, R13
	ANDL    $1, R13                 // minus
	MOVQ    R12, R15
	SUBQ    R8, R15
	SUBQ    R13, R15
	SUBQ    $2, R15                 // digits
	LEAQ    -1(R15), DX
	CMPQ    DX, $16
	JCC     done
	MOVQ    R12, DX
	SUBQ    R15, DX
	CMPB    (const_ahead-1)(DI)(DX*1), $'.'
	JNE     done
	MOVBLZX (const_ahead-2)(DI)(DX*1), DX
	SUBL    $'0', DX                // whole
	SHLQ    $5, R15
	ADDQ    R11, R15                // t

	VMOVDQU    (const_ahead-16)(DI)(R12*1), X0
	VPXOR      X10, X0, X0
	VPAND      (R15), X0, X0
	VPTEST     X14, X0
	JNZ        done
	VPMADDUBSW X11, X0, X0
	VPMADDWD   X12, X0, X0
	VPACKUSDW  X0, X0, X0
	VPMADDWD   X13, X0, X0
	VMOVQ      X0, AX               // eight digits, and the eight after them
	MOVL       AX, R12
	SHRQ       $32, AX
	IMUL3Q     $100000000, R12, R12
	ADDQ       AX, R12
	IMULQ      16(R15), DX
	ADDQ       DX, R12
	VXORPS     X1, X1, X1
	VCVTSI2SDQ R12, X1, X1
	VMULSD     24(R15), X1, X1      // v
	VMOVQ      X1, DX
	ANDL       $0x1fffffff, DX      // decides
	SUBL       $0x0ffffffc, DX
	CMPL       DX, $8
	JLS        done

	VCVTSD2SS X1, X1, X1
	VMOVD     X1, DX
	SHLL      $31, R13
	ORL       R13, DX
	MOVL      DX, (SI)(BX*4)
	TZCNTQ    R9, R8
	BLSRQ     R9, R9
	BLSRQ     R10, R10
	INCQ      BX

more:
	CMPQ BX, CX
	JLT  number

done:
	MOVQ r+24(FP), AX
	MOVQ R8, run_begin(AX)
	MOVQ R9, run_start(AX)
	MOVQ R10, run_end(AX)
	MOVQ BX, read+32(FP)
	RET
