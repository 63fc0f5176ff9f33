package harness

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// serveObject answers with an object of that format and size, under whatever name, with a length, ranges and a strong etag that is the same
// under all names (?etag=weak: a weak one, ?etag=none: none; ?length=none: without its length). The formats are those of Object.
func serveObject(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.PathValue("size"))
	format := r.PathValue("format")
	b := Object(format, size)
	if err != nil || b == nil {
		http.Error(w, "want /store/FORMAT/SIZE/NAME", http.StatusBadRequest)
		return
	}
	tag := fmt.Sprintf(`"%s-%d"`, format, size)
	switch r.FormValue("etag") {
	case "weak":
		tag = "W/" + tag
	case "none":
		tag = ""
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if tag != "" {
		w.Header().Set("Etag", tag)
	}
	if r.FormValue("length") != "none" {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		return
	}
	for len(b) > 0 {
		n := min(len(b), 64<<10)
		if _, err := w.Write(b[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		b = b[n:]
	}
}

// Object makes an object of that size: safetensors (a header, and tensors of figures), gguf, text (a log) or noise (no order at all: as if
// encrypted). It is nil for any other format, and for a size that it cannot have.
func Object(format string, size int) []byte {
	if size < 1<<10 || size > 64<<20 {
		return nil
	}
	switch format {
	case "safetensors":
		b := Safetensors((size - 1024) / 256)
		return append(b, make([]byte, max(0, size-len(b)))...)[:size]
	case "gguf":
		b := append([]byte("GGUF\x03\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), noise(size)...)
		return b[:size]
	case "text":
		return bytes.Repeat([]byte("2026-11-25 all work and no play\n"), size/32+1)[:size]
	case "noise":
		return noise(size)
	}
	return nil
}

// noise is the same for the same size, and holds no order.
func noise(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1, byte(size), byte(size >> 8)}).Read(b) // it does not fail
	return b
}
