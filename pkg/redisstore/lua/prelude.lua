-- Every script begins with this: one tenant's epoch and clock, and how a meter's windows are packed and counted.
-- The meaning is pkg/window's, line by line; names are the same where they can be.
--
-- KEYS[1]  the tenant: its epoch (16 characters), then the latest time seen (a double)
-- ARGV[1]  the epoch that the caller knows the tenant by; '' where it knows none
-- ARGV[2]  the epoch for a tenant that has none yet
-- ARGV[3]  the time, microseconds since 1970; '' for the server's own (only tests give one)
-- ARGV[4]  the windows kept, packed: width of a slot in microseconds and number of slots, each
-- ARGV[5]  seconds that the tenant's key lives
--
-- All numbers in values and packed arguments are doubles, little-endian: integers are exact up to 2^53, as all numbers of Lua are.

local pack, unpack1 = struct.pack, struct.unpack
local floor, max, min = math.floor, math.max, math.min

-- A record is 48 bytes: a slot's index or a charge's time, then one count per unit. Records are kept in order, oldest first.
local RECORD, RECORD_LEN = '<dddddd', 48

-- A window is 64 bytes and its records, those slots that count something: width, slots, number of records, one total per unit.
local WINDOW, WINDOW_LEN = '<dddddddd', 64

-- A meter is this character and its windows. Values of another format are not read: the script fails, and so the call.
local FORMAT = '1'

local values = redis.call('MGET', unpack(KEYS))

local epoch, now = '', 0
if values[1] then
  epoch, now = values[1]:sub(1, 16), unpack1('<d', values[1], 17)
end
if ARGV[1] ~= '' and ARGV[1] ~= epoch then
  return redis.error_reply('WEIRAMNESIA the epoch of a tenant is not the one that was seen')
end
if epoch == '' then
  epoch = ARGV[2]
end
if ARGV[3] ~= '' then
  now = max(now, tonumber(ARGV[3]))
else
  local t = redis.call('TIME')
  now = max(now, t[1] * 1000000 + t[2])
end
redis.call('SET', KEYS[1], epoch .. pack('<d', now), 'EX', ARGV[5])

-- push adds the volume v to the newest record if that is of time (or index) at, else as a new record.
local function push(records, at, v)
  local i = #records - RECORD_LEN + 1
  if i > 0 then
    local last, a, b, c, d, e = unpack1(RECORD, records, i)
    if last >= at then
      return records:sub(1, i - 1) .. pack(RECORD, last, a + v[1], b + v[2], c + v[3], d + v[4], e + v[5])
    end
  end
  return records .. pack(RECORD, at, v[1], v[2], v[3], v[4], v[5])
end

-- advance forgets the slots that rotated out of a window.
local function advance(w)
  local oldest = floor(now / w.width) - w.n
  local i, t = 1, w.total
  while i <= #w.records do
    local slot, a, b, c, d, e = unpack1(RECORD, w.records, i)
    if slot >= oldest then
      break
    end
    t[1], t[2], t[3], t[4], t[5] = t[1] - a, t[2] - b, t[3] - c, t[4] - d, t[5] - e
    i = i + RECORD_LEN
  end
  if i > 1 then
    w.records = w.records:sub(i)
  end
end

-- kept are the windows that the caller keeps.
local kept = {}
for i = 1, #ARGV[4], 16 do
  local width, n = unpack1('<dd', ARGV[4], i)
  kept[#kept + 1] = { width = width, n = n }
end

-- load returns a meter's windows, moved to now. Those that the caller keeps come first in its order, then those that another replica
-- was told to keep: they are counted too.
local function load(value)
  local found, windows = {}, {}
  if value then
    if value:sub(1, 1) ~= FORMAT then
      error('a meter is not of format ' .. FORMAT)
    end
    local i = 2
    while i <= #value do
      local width, n, len, a, b, c, d, e = unpack1(WINDOW, value, i)
      i = i + WINDOW_LEN
      local w = { width = width, n = n, total = { a, b, c, d, e }, records = value:sub(i, i + len * RECORD_LEN - 1) }
      i = i + len * RECORD_LEN
      advance(w)
      found[#found + 1] = w
    end
  end
  for k = 1, #kept do
    local at = k
    for i = 1, #found do
      local w = found[i]
      if w and w.width == kept[k].width and w.n == kept[k].n then
        windows[k], found[i], at = w, false, nil
        break
      end
    end
    if at then
      windows[k] = { width = kept[k].width, n = kept[k].n, total = { 0, 0, 0, 0, 0 }, records = '' }
    end
  end
  for i = 1, #found do
    if found[i] then
      windows[#windows + 1] = found[i]
    end
  end
  return windows
end

-- save writes a meter's windows back. What counts nothing is not kept.
local function save(key, windows)
  local parts, life = { FORMAT }, 0
  for i = 1, #windows do
    local w = windows[i]
    local t = w.total
    if #w.records > 0 then
      parts[#parts + 1] = pack(WINDOW, w.width, w.n, #w.records / RECORD_LEN, t[1], t[2], t[3], t[4], t[5])
      parts[#parts + 1] = w.records
      life = max(life, (w.n + 1) * w.width)
    end
  end
  if life == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, table.concat(parts), 'EX', math.ceil(life / 1000000) + 1)
  end
end
