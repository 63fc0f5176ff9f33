package artifact

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/weirgate/weir/pkg/authz"
)

// mark is what the content of a format always holds at one place.
type mark struct {
	offset int
	bytes  string
	format string
}

// marked returns the format of the first mark that the content has, else "".
func (v view) marked(marks []mark) string {
	for i := range marks {
		if m := &marks[i]; v.has(m.offset, m.bytes) {
			return m.format
		}
	}
	return ""
}

// weights and data are the guarded formats that a mark tells.
var weights = []mark{
	{0, "lmgg", "ggml"},
	{0, "fmgg", "ggmf"},
	{0, "tjgg", "ggjt"},
	{0, "algg", "ggla"},
	{0, "\x93NUMPY", "npy"},
	{4, "TFL3", "tflite"},
	{0, "ftrt", "tensorrt"},
}

var data = []mark{
	{0, "PAR1", "parquet"},
	{0, "PARE", "parquet"}, // with an encrypted footer
	{0, "ARROW1\x00\x00", "arrow"},
	{0, "FEA1", "feather"},
	{0, "Obj\x01", "avro"},
	{0, "SQLite format 3\x00", "sqlite"},
	{8, "DUCK", "duckdb"},
	{0, "PGDMP", "pgdump"},
}

// footers are the marks at the very end of data whose beginning says nothing, or less.
var footers = []mark{
	{0, "PAR1", "parquet"},
	{0, "PARE", "parquet"},
	{0, "ARROW1", "arrow"},
	{0, "LANC", "lance"},
}

// unopened are the wrappers that nobody here can open.
var unopened = []mark{
	{0, "age-encryption.org/v1", "age"},
	{0, "-----BEGIN AGE ENCRYPTED FILE-----", "age"},
	{0, "Salted__", "openssl"},
	{0, "-----BEGIN PGP MESSAGE-----", "pgp"},
	{0, "\x85\x01\x0c\x03", "pgp"}, // a session key for RSA-2048, as GnuPG writes it
	{0, "\x85\x01\x8c\x03", "pgp"}, // RSA-3072
	{0, "\x85\x02\x0c\x03", "pgp"}, // RSA-4096
	{0, "\x84\x5e\x03", "pgp"},     // X25519
	{0, "\x8c\x0d\x04", "pgp"},     // a passphrase
	{0, "\x8c\x0d\x05", "pgp"},
	{0, "\xc3\x0d\x04", "pgp"},
	{0, "LUKS\xba\xbe", "luks"},
	{0, "7z\xbc\xaf\x27\x1c", "7z"},
	{0, "Rar!\x1a\x07", "rar"},
	{0, "\x04\x22\x4d\x18", "lz4"},
	{0, "\x02\x21\x4c\x18", "lz4"},
	{0, "LZIP\x01", "lzip"},
	{0, "\x89LZO\x00\r\n\x1a\n", "lzop"},
	{0, "\xff\x06\x00\x00sNaPpY", "snappy"},
	{0, "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", "lzma"},
	{0, "\x5d\x00\x00\x00\x04\xff\xff\xff\xff\xff\xff\xff\xff", "lzma"},
	{0, "\x1f\x9d\x90", "compress"},
	{0, "XETBLOB", "xet"}, // chunks of any files, compressed each by itself
}

// harmless are formats of other things. Short marks are not here: what a few bytes make harmless is easily made harmless by mistake.
var harmless = []mark{
	{0, "\x89PNG\r\n\x1a\n", "png"},
	{0, "\xff\xd8\xff\xe0", "jpeg"},
	{0, "\xff\xd8\xff\xe1", "jpeg"},
	{0, "\xff\xd8\xff\xdb", "jpeg"},
	{0, "\xff\xd8\xff\xee", "jpeg"},
	{0, "GIF87a", "gif"},
	{0, "GIF89a", "gif"},
	{8, "WEBPVP8", "webp"},
	{0, "%PDF-", "pdf"},
	{4, "ftyp", "mp4"},
	{0, "\x1a\x45\xdf\xa3", "matroska"},
	{8, "WAVEfmt ", "wav"},
	{8, "AVI LIST", "avi"},
	{0, "OggS\x00", "ogg"},
	{0, "fLaC\x00\x00\x00\x22", "flac"},
	{0, "ID3\x03\x00", "mp3"},
	{0, "ID3\x04\x00", "mp3"},
	{0, "wOFF", "woff"},
	{0, "wOF2", "woff2"},
	{0, "OTTO\x00", "otf"},
	{0, "\x00asm\x01\x00\x00\x00", "wasm"},
	{0, "\xca\xfe\xba\xbe\x00\x00\x00", "class"},
	{0, "\xcf\xfa\xed\xfe", "macho"},
	{0, "!<arch>\n", "ar"},
	{0, "\xed\xab\xee\xdb", "rpm"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"},
	{0, "II*\x00\x08\x00\x00\x00", "tiff"},
	{0, "MM\x00*\x00\x00\x00\x08", "tiff"},
	{0, "BC\xc0\xde", "bitcode"},
	{0, "JM\x01\x00PK\x03\x04", "jmod"},
	{0, "DIRC\x00\x00\x00", "git"},
	{0, "PACK\x00\x00\x00\x02", "git"},
}

// guarded recognises what a mark tells. All of these formats are binary: a text that begins with PARENT is none, once enough of it is seen.
func (v view) guarded() (authz.Artifact, bool) {
	const enough = 64
	if len(v.b) >= enough && plain(v.b) {
		return authz.Artifact{}, false
	}
	if format := v.marked(weights); format != "" {
		return checkpoint(format)
	}
	if format := v.marked(data); format != "" {
		return corpus(format)
	}
	if len(v.b) >= 9 && string(v.b[:5]) == "REDIS" && digits(v.b[5:9]) {
		return corpus("rdb")
	}
	if v.has(0, "ORC") && !plain(v.b) {
		return corpus("orc")
	}
	return authz.Artifact{}, false
}

// footed recognises what is seen whole by its last bytes.
func (v view) footed() (authz.Artifact, bool) {
	const shortest = 12 // the mark at both ends and a length: so short a text is not taken for one
	if v.whole() && len(v.b) >= shortest {
		if format := footer(v.b); format != "" {
			return corpus(format)
		}
	}
	return authz.Artifact{}, false
}

// footer returns the format of data that ends so, else "". Readers ask for as little as the last eight bytes.
func footer(tail []byte) string {
	for _, m := range footers {
		if bytes.HasSuffix(tail, []byte(m.bytes)) {
			return m.format
		}
	}
	// ORC ends with its mark and the length of what stands before it.
	if n := len(tail); n >= 4 && string(tail[n-4:n-1]) == "ORC" && tail[n-1] > 3 && tail[n-1] < ' ' {
		return "orc"
	}
	return ""
}

// harmless recognises formats whose mark is short, by what else their head says.
func (v view) harmless() bool {
	le := binary.LittleEndian
	switch {
	case v.has(0, "\x7fELF") && len(v.b) >= 20:
		return v.b[4]-1 < 2 && v.b[5]-1 < 2 && v.b[6] == 1
	case v.has(0, "\x00\x01\x00\x00\x00") && len(v.b) >= 8: // TrueType, and how it counts its tables
		n := int(v.b[5])
		return n >= 4 && n < 64 && int(v.b[6])<<8|int(v.b[7]) == 8<<bits.Len(uint(n))
	case v.has(0, "MZqFpD"): // a program for every system with a zip behind it: models are shipped so
		return false
	case v.has(0, "MZ") && len(v.b) >= 64:
		at := le.Uint32(v.b[60:])
		return at < 4096 && v.has(int(at), "PE\x00\x00")
	case v.has(0, "BM") && len(v.b) >= 18:
		return v.size == int64(le.Uint32(v.b[2:])) && le.Uint32(v.b[6:]) == 0
	}
	return false
}

// digits reports whether all bytes are decimal digits.
func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
