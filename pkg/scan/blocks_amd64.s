//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// What the bytes of a block are compared with.
DATA kinds<>+0(SB)/1, $'0'
DATA kinds<>+1(SB)/1, $9
DATA kinds<>+2(SB)/1, $'.'
DATA kinds<>+3(SB)/1, $'-'
DATA kinds<>+4(SB)/1, $','
DATA kinds<>+5(SB)/1, $' '
DATA kinds<>+6(SB)/1, $'\n'
GLOBL kinds<>(SB), RODATA|NOPTR, $7

// HALF sets a bit for each of the 32 bytes at off(SI) that is a 0; a digit or a point; a digit or a minus sign; a comma; and for each that is
// any of these, a space or a line feed.
#define HALF(off, fraction, signed, comma, zero, known) \
	VMOVDQU   off(SI), Y0      \
	VPCMPEQB  Y15, Y0, Y1      \
	VPMOVMSKB Y1, zero         \
	VPSUBB    Y15, Y0, Y1      \
	VPMINUB   Y14, Y1, Y2      \
	VPCMPEQB  Y2, Y1, Y1       \
	VPCMPEQB  Y13, Y0, Y2      \
	VPOR      Y1, Y2, Y2       \
	VPMOVMSKB Y2, fraction     \
	VPCMPEQB  Y12, Y0, Y3      \
	VPOR      Y1, Y3, Y3       \
	VPMOVMSKB Y3, signed       \
	VPCMPEQB  Y11, Y0, Y4      \
	VPMOVMSKB Y4, comma        \
	VPCMPEQB  Y10, Y0, Y5      \
	VPCMPEQB  Y9, Y0, Y6       \
	VPOR      Y2, Y3, Y3       \
	VPOR      Y5, Y6, Y5       \
	VPOR      Y3, Y4, Y3       \
	VPOR      Y3, Y5, Y3       \
	VPMOVMSKB Y3, known

// func classifyAVX2(out *classes, src *byte, blocks int)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTB kinds<>+0(SB), Y15
	VPBROADCASTB kinds<>+1(SB), Y14
	VPBROADCASTB kinds<>+2(SB), Y13
	VPBROADCASTB kinds<>+3(SB), Y12
	VPBROADCASTB kinds<>+4(SB), Y11
	VPBROADCASTB kinds<>+5(SB), Y10
	VPBROADCASTB kinds<>+6(SB), Y9
	JMP  test

block:
	HALF(0, R8, R9, R10, R11, R12)
	HALF(32, AX, BX, DX, R13, R15)
	SHLQ $32, AX
	SHLQ $32, BX
	SHLQ $32, DX
	SHLQ $32, R13
	SHLQ $32, R15
	ORQ  AX, R8
	ORQ  BX, R9
	ORQ  DX, R10
	ORQ  R13, R11
	ORQ  R15, R12
	NOTQ R12
	MOVQ R8, classes_fraction(DI)
	MOVQ R9, classes_signed(DI)
	MOVQ R10, classes_comma(DI)
	MOVQ R11, classes_zero(DI)
	MOVQ R12, classes_rest(DI)
	ADDQ $64, SI
	ADDQ $classes__size, DI
	DECQ CX

test:
	TESTQ CX, CX
	JNZ   block
	VZEROUPPER
	RET
