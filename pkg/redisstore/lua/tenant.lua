-- Scripts that are about one holder or one object of a tenant begin with this.
--
-- KEYS[1]  the tenant, as in prelude.lua
-- ARGV[1]  packed numbers: the epoch that the caller knows the tenant by (0: none); one for a tenant that has none; the time (below 0: the
--          server's own; only tests give one); seconds that what is written lives; seconds that the tenant's key lives

local call, pack, unpack1 = redis.call, struct.pack, struct.unpack
local max, min, concat = math.max, math.min, table.concat

local known, fresh, now, keep, life = unpack1('<ddddd', ARGV[1])
local epoch, seen = 0, 0
local tenant = call('GET', KEYS[1])
if tenant then
  epoch, seen = unpack1('<dd', tenant)
end
if known ~= 0 and known ~= epoch then
  return redis.error_reply('WEIRAMNESIA the epoch of a tenant is not the one that was seen')
end
if epoch == 0 then
  epoch = fresh
end
if now < 0 then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end

-- told writes what is to be written of the tenant, and returns what the caller reads: the epoch, and what else there is.
local function told(more)
  call('SET', KEYS[1], pack('<dd', epoch, seen), 'EX', life)
  return pack('<d', epoch) .. (more or '')
end
