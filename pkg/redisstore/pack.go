package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
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

// limitLen is the length of a packed limit.
const limitLen = 13

// appendLimit appends a limit as the scripts read it. All numbers begin with 0, but window, where 0 is none.
func appendLimit(b []byte, meter, unit, window int, maximum int64) []byte {
	at := 57 + 40*(window-1) + 8*unit // TOTALS_AT of prelude.lua; the head holds a total per unit and window
	if window == 0 {
		at, unit = 0, 0
	}
	b = append(b, byte(1+meter), byte(1+unit), byte(window)) //nolint:gosec // at most 255, see maxMeters and config
	b = binary.LittleEndian.AppendUint16(b, uint16(at))      //nolint:gosec // at most 16 windows
	return appendCounts(b, maximum)
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
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) // 128 bits: nobody finds a second name with the same
}

func tag(tenant string) string          { return "weir:{" + hashed(tenant) + "}:" }
func tenantKey(tag string) string       { return tag + "epoch" }
func tickKey(tag string) string         { return tag + "tick" }
func claimKey(tag, id string) string    { return tag + "claim:" + hashed(id) }
func meterKey(tag, h string) string     { return tag + "meter:" + h }
func slotsKey(tag, h string) string     { return tag + "slots:" + h }
func coverKey(tag, h string) string     { return tag + "cover:" + h }
func coveringKey(tag, h string) string  { return tag + "covering:" + h }
func registryKey(tag string) string     { return tag + "registry" }
func artifactKey(tag, h string) string  { return tag + "artifact:" + h }
func sightKey(tag, h string) string     { return tag + "sight:" + h }
func sightsKey(tag string) string       { return tag + "sights" }
func handoverKey(key string) string     { return "weir:handover:" + hashed(key) }
func onceKey(key string) string         { return "weir:once:" + hashed(key) }
func pinKey(key string) string          { return "weir:pin:" + hashed(key) }
func documentsKey(tag, h string) string { return tag + "documents:" + h }

// Keys that belong to no tenant.
const (
	epochKey  = "weir:epoch"
	acceptKey = "weir:accept-amnesia"
	probeKey  = "weir:probe"
)
