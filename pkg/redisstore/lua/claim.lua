-- The steps of a claim, all but usage, go on with this: the claim and its limits.
--
-- The claim is 'o' (open) or 'c' (closed), the total charged per unit, and while open one record per charge; or 'n' (new), the total, and the
-- tick in which all of it was charged.

local TOTAL, TOTAL_LEN = '<ddddd', 40
local MAX_CHARGES = 64
local OPEN_SECONDS, CLOSED_SECONDS = 48 * 3600, 600

local volume = { v1, v2, v3, v4, v5 }

-- claim is nil where none is known.
local claim
if values[3] then
  local value = values[3]
  local state = value:sub(1, 1)
  claim = { closed = state == 'c', total = { unpack1(TOTAL, value, 2) }, charges = value:sub(2 + TOTAL_LEN) }
  if state == 'n' then
    claim.charges = claim.charges .. value:sub(2, 1 + TOTAL_LEN)
  end
end

-- wait returns how long until at least need units have left window k of a meter.
local function wait(m, k, u, need)
  local w, freed = whole(m)[k], 0
  for i = 1, #w.records, RECORD_LEN do
    local record = { unpack1(RECORD, w.records, i) }
    freed = freed + record[1 + u]
    if freed >= need then
      return max(1, (record[1] + w.n + 1) * w.width - now)
    end
  end
  if freed + m.pending[u] >= need then
    return max(1, (floor(tick / w.width) + w.n + 1) * w.width - now)
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
  for i = 1, #ARGV[2], 13 do
    local m, u, k, _, maximum = unpack1('<BBBHd', ARGV[2], i)
    if k == 0 then
      return nil
    end
    m = load(m)
    local want, count = volume[u] - have[u], used(m, k, u)
    if want > 0 and count + want > maximum then
      grant[u] = min(grant[u], max(0, maximum - count))
      over[#over + 1] = pack('<ddd', (i - 1) / 13, count, want <= maximum and wait(m, k, u, count + want - maximum) or 0)
    end
  end
  return grant, over
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
  for i = 1, charged do
    local p = load(i).pending
    p[1], p[2], p[3], p[4], p[5] = p[1] + v[1], p[2] + v[2], p[3] + v[3], p[4] + v[4], p[5] + v[5]
  end
  local charges = push(claim.charges, tick, v)
  if #charges > MAX_CHARGES * RECORD_LEN then -- too many: join the two oldest, at the time of the older
    local at, a, b, c, d, e = unpack1(RECORD, charges, 1)
    local _, f, g, h, i, j = unpack1(RECORD, charges, 1 + RECORD_LEN)
    charges = pack(RECORD, at, a + f, b + g, c + h, d + i, e + j) .. charges:sub(1 + 2 * RECORD_LEN)
  end
  claim.charges = charges
end

-- give takes v back from what a meter was charged in the tick that began at at.
local function give(m, at, v)
  if at >= tick then
    for u = 1, 5 do
      m.pending[u] = m.pending[u] - min(v[u], m.pending[u])
    end
    return
  end
  for _, w in ipairs(whole(m)) do
    remove(w, at, v)
  end
  m.changed = true
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
      record[1 + u] = record[1 + u] - part[u]
      claim.total[u] = claim.total[u] - part[u]
    end
    claim.charges = claim.charges:sub(1, i - 1) .. pack(RECORD, unpack(record)) .. claim.charges:sub(i + RECORD_LEN)
    if not isZero(part) then
      for k = 1, charged do
        give(load(k), record[1], part)
      end
    end
  end
end

-- commit writes the claim, and the charged meters.
local function commit()
  for i = 1, charged do
    if cache[i] then
      save(cache[i])
    end
  end
  local value = pack(TOTAL, unpack(claim.total, 1, 5))
  if claim.closed then
    call('SET', KEYS[3], 'c' .. value, 'EX', CLOSED_SECONDS)
  else
    call('SET', KEYS[3], 'o' .. value .. claim.charges, 'EX', OPEN_SECONDS)
  end
end

-- answer is what a step returns: the tenant's epoch, what is charged in total, and the limits in the way.
local function answer(total, over)
  return pack('<dddddd', epoch, unpack(total, 1, 5)) .. table.concat(over or {})
end

local function unreadable()
  return redis.error_reply('WEIRLIMIT a limit cannot be read')
end
