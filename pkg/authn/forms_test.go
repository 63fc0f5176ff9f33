package authn_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
)

func writeFile(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// otherForm returns an ES256 token with the other one of its signature's two good forms: of (r, s) also (r, n-s) verifies.
func otherForm(t testing.TB, token string) string {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("no ES256 signature: %v", err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)
}

// withUse returns a key set whose keys all say that they are for a use.
func withUse(t testing.TB, raw []byte, use string) []byte {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		k["use"] = use
		delete(k, "alg") // SPIFFE bundles have none
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// decoded returns the first part of a token in plain.
func decoded(t testing.TB, token string) []byte {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
