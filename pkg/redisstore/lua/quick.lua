-- The quick scripts begin with this. They are for meters that were counted in this tick before, which is nearly always: they look at no slots,
-- and answer 1. Where there is anything else to it they change nothing and answer 0: the whole script is to be run.
--
-- KEYS[1]  the tenant; KEYS[2] its tick, which is there while that lasts; KEYS[3] the claim; KEYS[4..] the meters' heads: first those that
--          are charged
-- ARGV[1]  packed numbers: the epoch that the caller knows the tenant by; the time (below 0: the server's own; only tests give one); length
--          of a tick; stamp of the windows that are kept; how many meters there are, how many of them are charged; the volume, one count
--          per unit. Then the limits in the order of their meters, 12 bytes each: as in prelude.lua, without the window. For
--          quick_reserve some are limits on four windows: the number of the unit plus 5, the offset of the first total, four maximums

local call, pack, unpack1 = redis.call, struct.pack, struct.unpack
local FRAME_LEN = 88
local known, now, width, stamp, meters, charged, v1, v2, v3, v4, v5 = unpack1('<ddddddddddd', ARGV[1])
local values = call('MGET', unpack(KEYS))
if not values[1] then
  return 0
end
local epoch, tick = unpack1('<dd', values[1])
if epoch ~= known then
  return 0
end
if now < 0 and not values[2] or now >= 0 and now - now % width > tick then
  return 0
end
