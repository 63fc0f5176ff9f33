//go:build !purego

package scan

import "golang.org/x/sys/cpu"

// floats reads numbers of the run to dst, and returns how many: until dst is full, or up to one that it does not read. It reads most: those with
// one digit before the point and up to 16 behind it.
func (w *window) floats(dst []float32, r *run) int {
	if len(dst) == 0 || !cpu.X86.HasAVX2 || !cpu.X86.HasBMI1 {
		return w.floatsByWords(dst, r)
	}
	return floatsAVX2(w, &dst[0], len(dst), r)
}

// floatsAVX2 is floatsByWords by vector instructions.
//
//go:noescape
func floatsAVX2(w *window, dst *float32, n int, r *run) (read int)
