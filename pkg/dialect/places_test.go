package dialect_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

// messageCase is one gRPC message in hexadecimal; want.Object is its method.
type messageCase struct {
	msg  string
	want authz.Operation // Bytes is filled in
	bad  string          // what the refusal says
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkMessages(t *testing.T, d dialect.Dialect, tests map[string]messageCase) {
	t.Helper()
	for name, tc := range tests {
		msg := fromHex(t, tc.msg)
		head := d.Head("POST", tc.want.Object, "", authz.Header{"content-type": {"application/grpc"}})
		if head.Complete || !d.NeedsBody("POST", tc.want.Object) {
			t.Errorf("%s: %+v is complete", name, head)
		}
		got, err := d.Body(head, msg)
		if tc.bad != "" {
			if err == nil || authz.AsError(err).Kind != authz.KindBadRequest || !strings.Contains(authz.AsError(err).Public, tc.bad) {
				t.Errorf("%s: %+v, %v; want a bad request: %s", name, got, err, tc.bad)
			}
			if diff := cmp.Diff(head, got); diff != "" {
				t.Errorf("%s: a refused message changed the operation:\n%s", name, diff)
			}
			continue
		}
		tc.want.Bytes = int64(len(msg))
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// placeCase says where the answer to op holds vectors and scores, and where its request carries vectors: paths, in order.
type placeCase struct {
	op                       authz.Operation
	format                   scan.Format // of both; default JSON
	status                   int         // default 200
	vectors, scores, carries string
}

func checkPlaces(t *testing.T, d dialect.Dialect, tests []placeCase) {
	t.Helper()
	for _, tc := range tests {
		if tc.format == "" {
			tc.format = scan.FormatJSON
		}
		if tc.status == 0 {
			tc.status = 200
		}
		a := d.Answer(tc.op, authz.Response{Status: tc.status})
		vectors, scores := split(t, a.Format, a.Fields)
		if !a.Judge || a.Format != tc.format || len(a.ContentTypes) == 0 || vectors != tc.vectors || scores != tc.scores {
			t.Errorf("%s %s: judged %v as %s of %q\nvectors at %s\n   want at %s\n scores at %s\n   want at %s", tc.op.Class, tc.op.Object, a.Judge, a.Format, a.ContentTypes, vectors, tc.vectors, scores, tc.scores)
		}
		format, fields := d.Carries(tc.op)
		carried, odd := split(t, format, fields)
		if carried != tc.carries || odd != "" || carried != "" && format != tc.format && format != scan.FormatNDJSON {
			t.Errorf("%s %s: carries, as %s\n     %s\nwant %s", tc.op.Class, tc.op.Object, format, carried, tc.carries)
		}
	}
}

// split returns the paths of vectors and of scores, and checks that the fields can be followed.
func split(t *testing.T, format scan.Format, fields []scan.Field) (vectors, scores string) {
	t.Helper()
	if err := compiles(format, fields); err != nil {
		t.Error(err)
	}
	var v, s []string
	for _, f := range fields {
		switch f.Role {
		case scan.RoleVector:
			v = append(v, f.Path)
		case scan.RoleScore:
			s = append(s, f.Path)
		case scan.RoleIndices:
		default:
			t.Errorf("%q has the role %q", f.Path, f.Role)
		}
	}
	return strings.Join(v, " "), strings.Join(s, " ")
}
