-- The document of model versions is read, or put in place of one of a known revision.
--
-- KEYS[1]  the tenant, as in prelude.lua; KEYS[2] the document: a hash of its revision, r, and its text, d
-- ARGV[1]  packed numbers: the epoch that the caller knows the tenant by (0: none); one for a tenant that has none; seconds that the tenant's
--          key lives
-- ARGV[2]  the revision that the caller has; empty for none
-- ARGV[3]  the revision of the document ARGV[4], which is to be in its place; there where it is written
--
-- Answered is the epoch, and "=" where the caller has what there is, or it was written, or else "!", the revision, a line feed and the document.

local pack, unpack1 = struct.pack, struct.unpack

local known, fresh, life = unpack1('<ddd', ARGV[1])
local value = redis.call('GET', KEYS[1])
local epoch, seen = 0, 0
if value then
  epoch, seen = unpack1('<dd', value)
end
if known ~= 0 and known ~= epoch then
  return redis.error_reply('WEIRAMNESIA the epoch of a tenant is not the one that was seen')
end
if epoch == 0 then
  epoch = fresh
end
redis.call('SET', KEYS[1], pack('<dd', epoch, seen), 'EX', life)

local revision = redis.call('HGET', KEYS[2], 'r') or ''
if revision ~= ARGV[2] then
  return pack('<d', epoch) .. '!' .. revision .. '\n' .. (redis.call('HGET', KEYS[2], 'd') or '')
end
if ARGV[3] then
  redis.call('HSET', KEYS[2], 'r', ARGV[3], 'd', ARGV[4])
end
return pack('<d', epoch) .. '='
