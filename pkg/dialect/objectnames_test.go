package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestObjectNames(t *testing.T) {
	sha, other, commit := strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c3", 20)
	none := [][]string{nil}
	tests := map[string]struct {
		dialect string
		op      authz.Operation
		piece   *authz.Piece
		want    [][]string
		sure    bool
	}{
		"oci: a blob":             {"oci", authz.Operation{Object: "sha256:" + sha, Version: "sha256:" + sha}, nil, [][]string{{"sha256:" + sha}}, true},
		"oci: a tag":              {"oci", authz.Operation{Object: "m:latest"}, nil, none, false},
		"oci: what a tag is":      {"oci", authz.Operation{Object: "m:latest"}, &authz.Piece{Object: "m:latest", Version: "sha256:" + sha}, [][]string{{"sha256:" + sha, "t/m:latest@sha256:" + sha}}, false},
		"git-lfs: one":            {"git-lfs", authz.Operation{Object: sha, Version: sha, Bytes: 9}, nil, [][]string{{"sha256:" + sha}}, true},
		"git-lfs: several":        {"git-lfs", authz.Operation{Object: "r/objects/batch", Versions: []string{sha, other}, Bytes: 9}, nil, [][]string{{"sha256:" + sha}, {"sha256:" + other}}, true},
		"git-lfs: none":           {"git-lfs", authz.Operation{Object: "r/objects/batch", Bytes: 9}, nil, none, false},
		"hub: a branch":           {"hub", authz.Operation{Collection: "o/r", Object: "o/r/f", Version: "main", Complete: true}, nil, none, false},
		"hub: a commit":           {"hub", authz.Operation{Collection: "o/r", Object: "o/r/f", Version: commit, Complete: true}, nil, [][]string{{"t/o/r@" + commit}}, false},
		"hub: a branch that lies": {"hub", authz.Operation{Collection: "o/r", Object: "o/r/f", Version: sha, Complete: true}, nil, none, false},
		"hub: a large file":       {"hub", authz.Operation{Collection: "o/r", Object: "o/r/f", Version: "main", Complete: true}, &authz.Piece{Object: "o/r/f", Version: sha}, [][]string{{"sha256:" + sha, "t/o/r/f@" + sha}}, false},
		"hub: a xorb":             {"hub", authz.Operation{Object: "xorb/" + sha, Version: sha, Complete: true}, &authz.Piece{Object: "xorb/" + sha, Version: sha}, [][]string{{"t/xorb/" + sha + "@" + sha}}, false},
		"hub: a batch":            {"hub", authz.Operation{Object: sha, Version: sha, Bytes: 9, Complete: true}, nil, [][]string{{"sha256:" + sha}}, true},
		"s3: a version":           {"s3", authz.Operation{Object: "b/k", Version: "v1"}, nil, none, false},
		"s3: a tag":               {"s3", authz.Operation{Object: "b/k"}, &authz.Piece{Object: "b/k", Version: "9af1-2"}, [][]string{{"t/b/k@9af1-2"}}, false},
		"s3: a tag that lies":     {"s3", authz.Operation{Object: "b/k"}, &authz.Piece{Object: "b/k", Version: "sha256:" + sha}, [][]string{{"t/b/k@sha256:" + sha}}, false},
		"files: a path":           {"files", authz.Operation{Object: "/models/f"}, &authz.Piece{Object: "/models/f", Version: "x"}, [][]string{{"t/models/f@x"}}, false},
		"files: without a tag":    {"files", authz.Operation{Object: "/models/f"}, &authz.Piece{Object: "/models/f"}, [][]string{{"t/models/f@"}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, sure := dialect.ObjectNames(authz.Target{Name: "t", Kind: authz.KindWeights, Dialect: test.dialect}, test.op, test.piece)
			if diff := cmp.Diff(test.want, got); diff != "" || sure != test.sure {
				t.Errorf("sure %v, want %v (-want +got)\n%s", sure, test.sure, diff)
			}
		})
	}
}
