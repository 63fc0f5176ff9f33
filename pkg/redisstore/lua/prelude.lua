-- The whole scripts begin with this: one tenant's epoch and clock, and what came to its meters since the tick began.
-- The meaning is pkg/window's, line by line; names are the same where they can be.
--
-- KEYS[1]  the tenant: its epoch, and when the latest tick that was seen began, both numbers
-- KEYS[2]  the tenant's tick, which is there while that lasts
-- KEYS[3]  the claim
-- KEYS[4..] the meters' heads: first those that are charged, then those that only limits name; then as many keys of their slots
-- ARGV[1]  packed numbers: the epoch that the caller knows the tenant by (0: none); one for a tenant that has none; the time (below 0: the
--          server's own; only tests give one); length of a tick; stamp of the windows that are kept; how many meters there are, how many of
--          them are charged; the volume, one count per unit
-- ARGV[2]  the limits in the order of their meters, packed, 13 bytes each: number of the meter, unit, window (0 for one that cannot be read),
--          where its total stands in the head, and the maximum
-- ARGV[3]  the windows that are kept, packed: number of the set, width of a slot, number of slots, each
-- ARGV[4]  the number of each meter's set, a byte each
-- ARGV[5]  seconds that the tenant's key lives
--
-- All numbers in values are doubles, little-endian: integers are exact up to 2^53, as all numbers of Lua are. Times are in microseconds.

local call, pack, unpack1 = redis.call, struct.pack, struct.unpack
local max, min = math.max, math.min

-- A head is 56 bytes and a total per unit for each window that is kept: stamp, tick, what came since the tick began. SETRANGE changes
-- the last in place.
local HEAD, PENDING_AT, TOTALS_AT = '<ddddddd', '16', 57

local known, fresh, now, width, stamp, meters, charged, v1, v2, v3, v4, v5 = unpack1('<dddddddddddd', ARGV[1])
local values = call('MGET', unpack(KEYS, 1, 3 + meters))
local epoch, seen = 0, 0
if values[1] then
  epoch, seen = unpack1('<dd', values[1])
end
if known ~= 0 and known ~= epoch then
  return redis.error_reply('WEIRAMNESIA the epoch of a tenant is not the one that was seen')
end
local given = now >= 0
if not given then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end
local tick = max(seen, now - now % width)
