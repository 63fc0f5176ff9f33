package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/weirgate/weir/pkg/authz"
)

// maxCount is the largest integer up to which Lua's numbers, which are doubles, hold every integer.
const maxCount = 1 << 53

// appendCounts appends numbers as the scripts read them: doubles, little-endian.
func appendCounts(b []byte, counts ...int64) []byte {
	for _, n := range counts {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(n)))
	}
	return b
}

// counts reads what a script packed; false where that is no list of whole numbers of 0 or more.
func counts(s string) ([]int64, bool) {
	if len(s)%8 != 0 {
		return nil, false
	}
	out := make([]int64, len(s)/8)
	for i := range out {
		f := math.Float64frombits(binary.LittleEndian.Uint64([]byte(s[8*i : 8*i+8])))
		if f < 0 || f != math.Trunc(f) || math.IsInf(f, 0) { // NaN is not equal to anything
			return nil, false
		}
		out[i] = int64(min(f, 1<<62))
	}
	return out, true
}

// Keys of one tenant share a hash tag, the part in braces, so that a Redis Cluster keeps them on one node
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags). Names are hashed: no subject, no token's
// digest and no odd byte stands in Redis.

func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) //nolint:gosec // names are short
		_, _ = h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func tag(tenant string) string       { return "weir:{" + hashed(tenant) + "}:" }
func tenantKey(tenant string) string { return tag(tenant) + "epoch" }
func claimKey(tag, id string) string { return tag + "claim:" + hashed(id) }
func meterKey(tag string, k authz.MeterKey) string {
	return tag + "meter:" + hashed(string(k.Meter), k.Key)
}
func handoverKey(key string) string { return "weir:handover:" + hashed(key) }

// Keys that belong to no tenant.
const (
	epochKey  = "weir:epoch"
	acceptKey = "weir:accept-amnesia"
	probeKey  = "weir:probe"
)
