-- The steps of a claim, all but usage, go on with this: the claim, its meters and its limits.
--
-- KEYS[2]   the claim: 'o' (open) or 'c' (closed), the total charged per unit, and while open one record per charge
-- KEYS[3..] the meters: first those that are charged, then those that only limits name
-- ARGV[6]   the volume, packed: one count per unit
-- ARGV[7]   how many of the meters are charged
-- ARGV[8]   the limits, packed: number of the meter, unit, window (0 for one that cannot be read), and the maximum, each

local TOTAL, TOTAL_LEN = '<ddddd', 40
local MAX_CHARGES = 64
local OPEN_SECONDS, CLOSED_SECONDS = 48 * 3600, 600

local volume = { unpack1(TOTAL, ARGV[6]) }

-- claim is nil where none is known.
local claim
if values[2] then
  claim = { closed = values[2]:sub(1, 1) == 'c', total = { unpack1(TOTAL, values[2], 2) }, charges = values[2]:sub(2 + TOTAL_LEN) }
end

-- meters are the windows of KEYS[3..], read when first asked for.
local meters = {}
local function meter(i)
  if not meters[i] then
    meters[i] = load(values[2 + i])
  end
  return meters[i]
end

-- wait returns how long until at least need units have left a window.
local function wait(w, unit, need)
  local freed = 0
  for i = 1, #w.records, RECORD_LEN do
    local record = { unpack1(RECORD, w.records, i) }
    freed = freed + record[1 + unit]
    if freed >= need then
      return max(1, (record[1] + w.n + 1) * w.width - now)
    end
  end
  return (w.n + 1) * w.width
end

-- fit returns how much more than have may be charged, and the limits in the way of the rest, as packed parts of the answer. It returns
-- nil where a limit cannot be read.
local function fit(have)
  local grant, over = {}, {}
  for u = 1, 5 do
    grant[u] = max(0, volume[u] - have[u])
  end
  for i = 1, #ARGV[8], 32 do
    local m, u, k, maximum = unpack1('<dddd', ARGV[8], i)
    if k == 0 then
      return nil
    end
    local w, want = meter(m)[k], volume[u] - have[u]
    local used = w.total[u]
    if want > 0 and used + want > maximum then
      grant[u] = min(grant[u], max(0, maximum - used))
      over[#over + 1] = pack('<ddd', (i - 1) / 32, used, wait(w, u, used + want - maximum))
    end
  end
  return grant, over
end

local function isZero(v)
  return v[1] == 0 and v[2] == 0 and v[3] == 0 and v[4] == 0 and v[5] == 0
end

-- each calls f for every window that is charged.
local function each(f)
  for i = 1, tonumber(ARGV[7]) do
    local windows = meter(i)
    for k = 1, #windows do
      f(windows[k])
    end
  end
end

-- charge books v to every key now, and remembers it with the claim.
local function charge(v)
  claim = claim or { closed = false, total = { 0, 0, 0, 0, 0 }, charges = '' }
  if isZero(v) then
    return
  end
  for u = 1, 5 do
    claim.total[u] = claim.total[u] + v[u]
  end
  each(function(w)
    for u = 1, 5 do
      w.total[u] = w.total[u] + v[u]
    end
    w.records = push(w.records, floor(now / w.width), v)
  end)
  local charges = push(claim.charges, now, v)
  if #charges > MAX_CHARGES * RECORD_LEN then -- too many: join the two oldest, at the time of the older
    local at, a, b, c, d, e = unpack1(RECORD, charges, 1)
    local _, f, g, h, i, j = unpack1(RECORD, charges, 1 + RECORD_LEN)
    charges = pack(RECORD, at, a + f, b + g, c + h, d + i, e + j) .. charges:sub(1 + 2 * RECORD_LEN)
  end
  claim.charges = charges
end

-- remove takes v back from the slot that was newest at time at, unless it rotated out. A count never goes below zero.
local function remove(w, at, v)
  local slot = floor(min(at, now) / w.width)
  for i = #w.records - RECORD_LEN + 1, 1, -RECORD_LEN do
    local record = { unpack1(RECORD, w.records, i) }
    if record[1] <= slot then
      if record[1] == slot then
        for u = 1, 5 do
          local n = min(v[u], record[1 + u])
          record[1 + u] = record[1 + u] - n
          w.total[u] = w.total[u] - n
        end
        local left = pack(RECORD, unpack(record, 1, 6))
        if record[2] + record[3] + record[4] + record[5] + record[6] == 0 then
          left = ''
        end
        w.records = w.records:sub(1, i - 1) .. left .. w.records:sub(i + RECORD_LEN)
      end
      return
    end
  end
end

-- uncharge takes v back from where it was charged, newest charge first.
local function uncharge(v)
  v = { unpack(v) }
  for i = #claim.charges - RECORD_LEN + 1, 1, -RECORD_LEN do
    if isZero(v) then
      return
    end
    local record = { unpack1(RECORD, claim.charges, i) }
    local part = {}
    for u = 1, 5 do
      part[u] = min(v[u], record[1 + u])
      v[u] = v[u] - part[u]
      claim.total[u] = claim.total[u] - part[u]
    end
    if not isZero(part) then
      each(function(w)
        remove(w, record[1], part)
      end)
    end
  end
end

-- commit writes the claim, and those of the charged meters that were read.
local function commit()
  for i = 1, tonumber(ARGV[7]) do
    if meters[i] then
      save(KEYS[2 + i], meters[i])
    end
  end
  local value = pack(TOTAL, unpack(claim.total, 1, 5))
  if claim.closed then
    redis.call('SET', KEYS[2], 'c' .. value, 'EX', CLOSED_SECONDS)
  else
    redis.call('SET', KEYS[2], 'o' .. value .. claim.charges, 'EX', OPEN_SECONDS)
  end
end

-- answer is what a step returns: the tenant's epoch, what is charged in total, and the limits in the way.
local function answer(total, over)
  return epoch .. pack(TOTAL, unpack(total, 1, 5)) .. table.concat(over or {})
end

local function unreadable()
  return redis.error_reply('WEIRLIMIT a limit cannot be read')
end
