//go:build !amd64 || purego

package scan

func classifyBlocks(out []classes, src []byte) { classifyWords(out, src) }
