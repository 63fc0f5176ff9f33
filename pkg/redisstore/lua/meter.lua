-- The meters as a whole: their windows and slots.

local floor = math.floor

-- A record is 48 bytes: a slot's number or when a charge's tick began, then one count per unit. They are kept in order, oldest first.
local RECORD, RECORD_LEN = '<dddddd', 48

-- A window is 64 bytes and its records, those slots that count something: width, slots, number of records, one total per unit.
local WINDOW, WINDOW_LEN = '<dddddddd', 64

-- The slots of a meter are this character and its windows. Values of another format are not read: the script fails, and so the call.
local FORMAT = '2'

if epoch == 0 then
  epoch = fresh
end
if tick ~= seen or not values[1] then
  call('SET', KEYS[1], pack('<dd', epoch, tick), 'EX', ARGV[5])
end
if not given and (tick ~= seen or not values[2]) then -- its life is Redis' own clock: with a test's, there is none
  call('SET', KEYS[2], '', 'PXAT', string.format('%.0f', floor((tick + width) / 1000)))
end

local function isZero(v)
  return v[1] == 0 and v[2] == 0 and v[3] == 0 and v[4] == 0 and v[5] == 0
end

-- push adds the volume v to the newest record if that is of time (or number) at, else as a new record.
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

-- advance forgets the slots that have left a window at time at.
local function advance(w, at)
  local oldest = floor(at / w.width) - w.n
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

-- add counts v in the slot of time at, which is none before the newest.
local function add(w, at, v)
  local t = w.total
  t[1], t[2], t[3], t[4], t[5] = t[1] + v[1], t[2] + v[2], t[3] + v[3], t[4] + v[4], t[5] + v[5]
  w.records = push(w.records, floor(at / w.width), v)
end

-- remove takes v back from the slot of time at, unless that has left the window. A count never goes below zero.
local function remove(w, at, v)
  local slot = floor(at / w.width)
  for i = #w.records - RECORD_LEN + 1, 1, -RECORD_LEN do
    local record = { unpack1(RECORD, w.records, i) }
    if record[1] <= slot then
      if record[1] == slot then
        for u = 1, 5 do
          local n = min(v[u], record[1 + u])
          record[1 + u] = record[1 + u] - n
          w.total[u] = w.total[u] - n
        end
        local left = ''
        if record[2] + record[3] + record[4] + record[5] + record[6] > 0 then
          left = pack(RECORD, unpack(record, 1, 6))
        end
        w.records = w.records:sub(1, i - 1) .. left .. w.records:sub(i + RECORD_LEN)
      end
      return
    end
  end
end

-- kept returns the windows of a set.
local function kept(set)
  local windows = {}
  for i = 1, #ARGV[3], 24 do
    local s, w, n = unpack1('<ddd', ARGV[3], i)
    if s == set then
      windows[#windows + 1] = { width = w, n = n, total = { 0, 0, 0, 0, 0 }, records = '' }
    end
  end
  return windows
end

-- read returns the windows of meter i as they were saved: those that the caller keeps first, in its order, then those that another
-- replica was told to keep.
local function read(i)
  local windows, slots = kept(ARGV[4]:byte(i)), call('GET', KEYS[3 + meters + i])
  if not slots then
    error('WEIRAMNESIA the slots of a meter are gone', 0)
  end
  if slots:sub(1, 1) ~= FORMAT then
    error('the slots of a meter are not of format ' .. FORMAT, 0)
  end
  local count, at = #windows, 2
  while at <= #slots do
    local w, n, len, a, b, c, d, e = unpack1(WINDOW, slots, at)
    at = at + WINDOW_LEN
    local place = #windows + 1
    for k = 1, count do
      if windows[k].width == w and windows[k].n == n then
        place = k
      end
    end
    windows[place] = { width = w, n = n, total = { a, b, c, d, e }, records = slots:sub(at, at + len * RECORD_LEN - 1) }
    at = at + len * RECORD_LEN
  end
  return windows
end

-- load returns meter i, moved to this tick. Its windows are read where they are needed: to count what came in an earlier tick, and by whole.
local cache = {}
local function load(i)
  local m = cache[i]
  if m then
    return m
  end
  local head = values[3 + i]
  m = { number = i, pending = pending[i] or { 0, 0, 0, 0, 0 } }
  cache[i] = m
  if pending[i] then
    return m
  end
  m.changed = true
  if not head then
    m.windows = kept(ARGV[4]:byte(i))
    return m
  end
  local s, t, a, b, c, d, e = unpack1(HEAD, head)
  if s == stamp and t == tick then
    m.pending, m.changed = { a, b, c, d, e }, false
    return m
  end
  m.windows = read(i)
  if s ~= stamp then -- its ticks may be of another length: then what is pending counts from now on, later than it was charged
    t = tick
  end
  local came = { a, b, c, d, e }
  for k = 1, #m.windows do
    local w = m.windows[k]
    if not isZero(came) then
      advance(w, t)
      add(w, t, came)
    end
    advance(w, tick)
  end
  return m
end

local function whole(m)
  m.windows = m.windows or read(m.number)
  return m.windows
end

-- used returns what window k of a meter counts.
local function used(m, k, u)
  if m.windows then
    return m.windows[k].total[u] + m.pending[u]
  end
  return unpack1('<d', values[3 + m.number], TOTALS_AT + 40 * (k - 1) + 8 * (u - 1)) + m.pending[u]
end

-- save writes a meter back. What counts nothing is not kept, but for the names of the windows: what is pending counts in all of them.
local function save(m)
  local head, slots = KEYS[3 + m.number], KEYS[3 + meters + m.number]
  if not m.changed then
    call('SETRANGE', head, PENDING_AT, pack('<ddddd', unpack(m.pending)))
    return
  end
  local count, totals, parts, life, empty = #kept(ARGV[4]:byte(m.number)), {}, { FORMAT }, 0, isZero(m.pending)
  for k = 1, #whole(m) do
    local w = m.windows[k]
    local t = w.total
    if k <= count then
      totals[k] = pack('<ddddd', unpack(t))
    end
    empty = empty and w.records == ''
    life = max(life, (w.n + 1) * w.width)
    parts[#parts + 1] = pack(WINDOW, w.width, w.n, #w.records / RECORD_LEN, t[1], t[2], t[3], t[4], t[5])
    parts[#parts + 1] = w.records
  end
  if empty then
    call('DEL', head, slots)
    return
  end
  life = math.ceil((life + width) / 1000000) + 1
  call('SET', head, pack(HEAD, stamp, tick, unpack(m.pending)) .. table.concat(totals), 'EX', life)
  call('SET', slots, table.concat(parts), 'EX', life + 60)
end
