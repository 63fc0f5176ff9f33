//go:build !goexperiment.simd || !amd64

package scan

// SIMD reports whether blocks are read by vector instructions. This build has none: it takes GOEXPERIMENT=simd, on amd64.
func SIMD() bool { return false }

func (r *numberRun) skipTypical([]byte) {}
