package vector_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// master makes a master key that is told from others by one byte.
func master(b byte) []byte { return bytes.Repeat([]byte{b}, vector.MinMaster) }

func ring(t testing.TB, current []byte, previous ...[]byte) *vector.Keyring {
	t.Helper()
	r, err := vector.NewKeyring(current, previous...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// masker makes a mask for a mode.
func masker(t testing.TB, r *vector.Keyring, mode authz.MaskMode) vector.Masker {
	t.Helper()
	m, err := vector.NewMasker(r, mode)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// modes are those that need a Masker.
var modes = []authz.MaskMode{
	"seal", "token", "obfuscate:rotate", "obfuscate:noise", "obfuscate:rotate+noise", "obfuscate:truncate", "obfuscate:quantize",
}

// place is where the vectors of these tests belong.
var place = vector.Place{Tenant: "acme", Target: "search", Space: "docs", Name: "title"}

func TestKeyringRefusesWhatIsNoKey(t *testing.T) {
	long := make([]byte, vector.MaxMaster+1)
	for name, masters := range map[string][][]byte{
		"none":           {nil},
		"short":          {make([]byte, vector.MinMaster-1)},
		"long":           {long},
		"short previous": {master(1), []byte("x")},
		"too many":       {master(1), master(2), master(3), master(4), master(5), master(6), master(7), master(8), master(9)},
	} {
		if r, err := vector.NewKeyring(masters[0], masters[1:]...); err == nil || r != nil {
			t.Errorf("%s: got %v, %v, want an error", name, r, err)
		}
	}
}

func TestNoKeysRefuse(t *testing.T) {
	v := make([]float32, 64)
	for _, r := range []*vector.Keyring{nil, {}} {
		for _, mode := range modes {
			if got, err := masker(t, r, mode).Mask(nil, v, place); !errors.Is(err, vector.ErrNoKeys) || len(got) > 0 {
				t.Errorf("%s without keys: got %d components, %v", mode, len(got), err)
			}
		}
		if got, seal, err := vector.NewSealer(r).Open(nil, v, place); !errors.Is(err, vector.ErrNoKeys) || len(got) > 0 || seal != vector.NotSealed {
			t.Errorf("open without keys: got %d components, %v, %v", len(got), seal, err)
		}
	}
	var zero struct {
		vector.Sealer
		vector.Tokener
		vector.Obfuscator
	}
	for _, m := range []vector.Masker{&zero.Sealer, &zero.Tokener, &zero.Obfuscator} {
		if got, err := m.Mask(nil, v, place); !errors.Is(err, vector.ErrNoKeys) || len(got) > 0 {
			t.Errorf("zero %T: got %d components, %v", m, len(got), err)
		}
	}
}

func TestNewMaskerKnowsItsModes(t *testing.T) {
	for _, mode := range []authz.MaskMode{"", "none", "zero", "redact", "refuse", "obfuscate", "obfuscate:", "obfuscate:shuffle", "rotate", "Seal"} {
		if m, err := vector.NewMasker(ring(t, master(1)), mode); err == nil || m != nil {
			t.Errorf("mode %q: got %v, %v, want an error", mode, m, err)
		}
	}
}

// TestPurposesAreKeptApart: no two masks, and no two masters, make the same of a vector.
func TestPurposesAreKeptApart(t *testing.T) {
	v := vec(64, 1)
	seen := map[string]string{}
	for b := range byte(3) {
		for _, mode := range []authz.MaskMode{"seal", "token", "obfuscate:rotate", "obfuscate:noise", "obfuscate:rotate+noise"} {
			got, err := masker(t, ring(t, master(b+1)), mode).Mask(nil, v, place)
			if err != nil || len(got) != len(v) {
				t.Fatalf("%s: got %d components, %v", mode, len(got), err)
			}
			who, text := fmt.Sprintf("%s under master %d", mode, b), fmt.Sprint(got[:8])
			if other, ok := seen[text]; ok {
				t.Errorf("%s and %s agree", who, other)
			}
			seen[text] = who
		}
	}
}

func TestKeyringDoesNotPrintKeys(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	r := ring(t, secret)
	s := vector.NewSealer(r)
	for _, v := range []any{r, *r, s, vector.NewTokener(r)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "0123456789") || len(text) > 500 {
				t.Errorf("%T printed by %s: %s", v, verb, text)
			}
		}
	}
	if got, want := fmt.Sprint(r), "keyring of 1 master keys"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadMaster(t *testing.T) {
	dir := t.TempDir()
	key := strings.Repeat("k", vector.MinMaster)
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("WEIR_TEST_MASTER", key)
	t.Setenv("WEIR_TEST_SHORT", "abc")
	longest := strings.Repeat("k", vector.MaxMaster)
	for name, c := range map[string]struct {
		spec, want string
	}{
		"file":                {"file:" + write("a", key), key},
		"file, line end":      {"file:" + write("b", key+"\n"), key},
		"file, CRLF":          {"file:" + write("c", key+"\r\n"), key},
		"file, two line ends": {"file:" + write("d", key+"\n\n"), key + "\n"},
		"file, longest":       {"file:" + write("e", longest+"\r\n"), longest},
		"env":                 {"env:WEIR_TEST_MASTER", key},
		"command":             {"command:cat " + write("f", key+"\n"), key},
		"command, longest":    {"command:cat " + write("g", longest+"\r\n"), longest},
	} {
		got, err := vector.LoadMaster(t.Context(), c.spec)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	for name, spec := range map[string]string{
		"nothing":             "",
		"no kind":             key,
		"unknown kind":        "vault:" + key,
		"no file named":       "file:",
		"no file":             "file:" + filepath.Join(dir, "none"),
		"a directory":         "file:" + dir,
		"a device":            "file:/dev/zero",
		"short":               "file:" + write("s", "abc"),
		"empty":               "file:" + write("t", "\n"),
		"too long":            "file:" + write("u", longest+"k"),
		"unset":               "env:WEIR_TEST_UNSET",
		"short variable":      "env:WEIR_TEST_SHORT",
		"no command":          "command: ",
		"unknown command":     "command:" + filepath.Join(dir, "none"),
		"failing command":     "command:false",
		"command of nothing":  "command:true",
		"command of too much": "command:cat /dev/zero",
	} {
		got, err := vector.LoadMaster(t.Context(), spec)
		if err == nil || len(got) > 0 {
			t.Errorf("%s: got %d bytes, %v, want an error", name, len(got), err)
		} else if strings.Contains(err.Error(), "kkk") || strings.Contains(err.Error(), "abc") {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

// TestLoadMasterEndsInTime: a command that hangs, and one that leaves a child holding its output, do not hang Weir.
func TestLoadMasterEndsInTime(t *testing.T) {
	for _, spec := range []string{"command:sleep 3600", "command:sh -c sleep${IFS}3600&wait"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		got, err := vector.LoadMaster(ctx, spec)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || len(got) > 0 {
			t.Errorf("%s: got %d bytes, %v, want the deadline", spec, len(got), err)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%s: took %v", spec, took)
		}
	}
}
