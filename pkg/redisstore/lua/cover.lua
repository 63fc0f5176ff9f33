-- The scripts of coverage begin with this. The meaning is pkg/coverage's.
--
-- KEYS[1]  the tenant, as in prelude.lua; KEYS[2..] what has left to each holder; then as many keys of their open claims
-- ARGV[1]  packed numbers: the epoch that the caller knows the tenant by (0: none); one for a tenant that has none; the time (below 0: the
--          server's own; only tests give one); how long what has left is kept; the slots of the piece, from the first to before the last;
--          seconds that the tenant's key lives
-- ARGV[2]  the claim, 16 bytes
-- ARGV[3]  the bitmap of the piece, for cover_commit
--
-- What has left is the time of the last commit, and a bitmap of 128 bytes. An open claim is 28 bytes: which, when it lapses, its slots.
-- Numbers are doubles, little-endian, slots 16-bit. Times are in microseconds.

local call, pack, unpack1 = redis.call, struct.pack, struct.unpack
local max, min, concat = math.max, math.min, table.concat
local OPEN_FOR, MAX_OPEN, CLAIM, CLAIM_LEN = 30000000, 1024, '<c16dI2I2', 28

local known, fresh, now, ttl, first, last, life = unpack1('<ddddddd', ARGV[1])
local id, holders = ARGV[2], (#KEYS - 1) / 2
local values = call('MGET', unpack(KEYS))
local epoch, seen = 0, 0
if values[1] then
  epoch, seen = unpack1('<dd', values[1])
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

-- answer writes what is to be written of the tenant, and returns what the caller reads: the epoch, and what else there is.
local function answer(more)
  call('SET', KEYS[1], pack('<dd', epoch, seen), 'EX', life)
  return pack('<d', epoch) .. (more or '')
end

-- left returns what has left to a holder, and when something did last.
local function left(i)
  local value = values[1 + i]
  if value then
    if #value ~= 136 then
      error('what has left cannot be read')
    end
    local at = unpack1('<d', value)
    if now - at < ttl then
      return string.sub(value, 9), at
    end
  end
  return string.rep('\0', 128), now
end

-- open returns a holder's claims that are open but for this one, their slots, and when this one lapses, if it is open. A clock that was set back
-- makes none last longer than OPEN_FOR from now.
local function open(i)
  local others, slots, mine = {}, {}, nil
  local value = values[1 + holders + i] or ''
  for at = 1, #value, CLAIM_LEN do
    local which, lapses, from, to = unpack1(CLAIM, value, at)
    lapses = min(lapses, now + OPEN_FOR)
    if lapses > now then
      if which == id then
        mine = lapses
      else
        others[#others + 1] = pack(CLAIM, which, lapses, from, to)
        slots[#slots + 1] = pack('<I2I2', from, to)
      end
    end
  end
  return others, slots, mine
end

-- keep writes a holder's open claims.
local function keep(i, claims)
  local key = KEYS[1 + holders + i]
  if #claims > 0 then
    call('SET', key, concat(claims), 'EX', 60)
  elseif values[1 + holders + i] then
    call('DEL', key)
  end
end
