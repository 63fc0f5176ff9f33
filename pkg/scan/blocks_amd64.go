//go:build !purego

package scan

import "golang.org/x/sys/cpu"

// classifyBlocks classifies blocks, 32 bytes at once where the CPU can.
func classifyBlocks(out []classes, src []byte) {
	if len(out) == 0 || !cpu.X86.HasAVX2 {
		classifyWords(out, src)
		return
	}
	_ = src[len(out)*blockSize-1]
	classifyAVX2(&out[0], &src[0], len(out))
}

// classifyAVX2 is classifyWords by vector instructions.
//
//go:noescape
func classifyAVX2(out *classes, src *byte, blocks int)
