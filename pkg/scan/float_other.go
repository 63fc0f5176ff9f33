//go:build !amd64 || purego

package scan

func (w *window) floats(dst []float32, r *run) int { return w.floatsByWords(dst, r) }
