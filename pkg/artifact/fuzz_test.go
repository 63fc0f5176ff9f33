package artifact_test

import (
	"bytes"
	"testing"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

// consistent fails where a judgement contradicts itself.
func consistent(t *testing.T, a authz.Artifact, verdict artifact.Verdict) {
	t.Helper()
	if verdict == artifact.Guarded != (a.Class != "") || verdict != artifact.Guarded && a != (authz.Artifact{}) || a.Tensors < 0 || a.Parameters < 0 {
		t.Fatalf("%+v, %v", a, verdict)
	}
}

// FuzzRecognise: whatever the bytes are, a judgement is one, and says the same of more than a prefix as of the prefix.
func FuzzRecognise(f *testing.F) {
	for name := range samples {
		f.Add(read(f, name), int64(0))
		f.Add(read(f, name), int64(1<<30))
	}
	f.Fuzz(func(t *testing.T, b []byte, more int64) {
		size := authz.UnknownLength
		if more >= 0 && more < 1<<50 {
			size = int64(len(b)) + more
		}
		a, verdict := artifact.Recognise(b, size)
		consistent(t, a, verdict)
		if again, v := artifact.Recognise(b[:min(len(b), artifact.PrefixLen)], size); again != a || v != verdict {
			t.Fatalf("%+v, %v of all; %+v, %v of the prefix", a, verdict, again, v)
		}
	})
}

// FuzzEvidence: however an object is cut in three, and in whatever order the pieces come, the same is said of it.
func FuzzEvidence(f *testing.F) {
	for name := range samples {
		f.Add(read(f, name), uint32(3), uint32(200), uint32(70_000), uint8(2))
	}
	f.Fuzz(func(t *testing.T, b []byte, x, y, pad uint32, order uint8) {
		b = append(make([]byte, pad%200_000), b...)
		n := uint32(len(b)) + 1
		x, y = min(x%n, y%n), max(x%n, y%n)
		parts := [3]piece{{0, int(x)}, {int(x), int(y)}, {int(y), len(b)}}
		var straight, cut artifact.Evidence
		straight.Add(0, b)
		for i := range 3 {
			p := parts[(i*(1+int(order)%2)+int(order)/2)%3]
			cut.Add(int64(p.from), b[p.from:p.to])
		}
		want, verdict := straight.Judge(int64(len(b)))
		consistent(t, want, verdict)
		if got, v := cut.Judge(int64(len(b))); got != want || v != verdict {
			t.Fatalf("%+v, %v in pieces; %+v, %v at once", got, v, want, verdict)
		}
	})
}

// FuzzUnmarshalBinary: what is read is written again as it was, and can be added to and judged.
func FuzzUnmarshalBinary(f *testing.F) {
	for name := range samples {
		var e artifact.Evidence
		e.Add(0, read(f, name))
		e.Add(1<<20, read(f, name))
		form, _ := e.AppendBinary(nil)
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		var e artifact.Evidence
		if e.UnmarshalBinary(form) != nil {
			return
		}
		if again, _ := e.AppendBinary(nil); !bytes.Equal(again, form) {
			t.Fatalf("%q was written as %q", form, again)
		}
		e.Add(5, []byte("more"))
		e.Add(artifact.PrefixLen+5, []byte("more"))
		judgeable(t, &e)
	})
}

// judgeable judges evidence of all sizes that matter.
func judgeable(t *testing.T, e *artifact.Evidence) {
	t.Helper()
	for _, size := range []int64{authz.UnknownLength, 0, 100, artifact.PrefixLen + 9, 1 << 40} {
		a, verdict := e.Judge(size)
		consistent(t, a, verdict)
	}
}
