package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrors reads testdata/errors/*.txt: a configuration, a line "-- errors --", and the messages it must give, exactly.
func TestErrors(t *testing.T) {
	const separator = "-- errors --\n"
	files, err := filepath.Glob("testdata/errors/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config, want, _ := strings.Cut(string(b), separator)
			_, err = Parse([]byte(config), "weir.yaml")
			var problems Problems
			if err != nil && !errors.As(err, &problems) {
				t.Fatalf("%T is not Problems", err)
			}
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			}
			if *update {
				if err := os.WriteFile(file, []byte(config+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got == "" {
				t.Error("was accepted")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestListenerRule is the table of what may listen without insecure_listener.
func TestListenerRule(t *testing.T) {
	const mutual = ", tls: {cert: c, key: k, client_ca: a, peers: [envoy.example.com]}"
	for _, tt := range []struct {
		listen string
		ok     bool
	}{
		{"grpc: '127.0.0.1:9001'", true},
		{"grpc: '127.8.8.8:9001'", true},
		{"grpc: '[::1]:9001'", true},
		{"grpc: 'localhost:9001'", true},
		{"grpc: 'unix:///run/weir.sock'", true},
		{"grpc: 'unix://weir.sock'", false},
		{"grpc: '0.0.0.0:9001'", false},
		{"grpc: ':9001'", false},
		{"grpc: '[::]:9001'", false},
		{"grpc: 'weir:9001'", false},
		{"grpc: '10.0.0.1:9001'", false},
		{"grpc: '127.0.0.1'", false},
		{"grpc: '127.0.0.1:none'", false},
		{"grpc: '0.0.0.0:9001'" + mutual, true},
		{"grpc: '0.0.0.0:9001', tls: {cert: c, key: k}", false},
		{"grpc: '0.0.0.0:9001', tls: {cert: c, key: k, client_ca: a}", false},
		{"grpc: '0.0.0.0:9001', tls: {client_ca: a, peers: [x]}", false},
		{"grpc: '0.0.0.0:9001', insecure_listener: true", true},
		{"grpc: '127.0.0.1:9001', tls: {cert: c}", false},
		{"grpc: '127.0.0.1:9001', tls: {cert: c, key: k, client_ca: a, peers: ['spiffe://mesh/envoy']}", true},
		{"grpc: '127.0.0.1:9001', tls: {cert: c, key: k, client_ca: a, peers: ['spiffe://mesh']}", false},
		{"grpc: '127.0.0.1:9001', tls: {cert: c, key: k, client_ca: a, peers: ['*.example.com']}", false},
		{"grpc: '127.0.0.1:9001', tls: {cert: c, key: k, client_ca: a, peers: ['']}", false},
		{"admin: '0.0.0.0:9002'", false},
		{"admin: '0.0.0.0:9002', insecure_listener: true", true},
		{"admin: '127.0.0.1:9001'", false},
		{"grpc: '127.0.0.1:0', admin: '127.0.0.1:0'", true},
	} {
		_, err := Parse([]byte(minimal+"listen: {"+tt.listen+"}\n"), "weir.yaml")
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.listen, err)
		}
	}
}
