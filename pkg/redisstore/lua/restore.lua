-- Restore: make every slot count no less than the past says.
--
-- ARGV[6]  packed: number of the meter, of its window, of the slot, and one count per unit, each; the slots of a window in order

for at = 1, #ARGV[6], 64 do
  local i, k, slot, a, b, c, d, e = unpack1('<dddddddd', ARGV[6], at)
  local v, m = { a, b, c, d, e }, load(i)
  local w = whole(m)[k]
  local before, after, have = '', '', { 0, 0, 0, 0, 0 }
  local place = 1
  while place <= #w.records and unpack1('<d', w.records, place) < slot do
    place = place + RECORD_LEN
  end
  before, after = w.records:sub(1, place - 1), w.records:sub(place)
  if after ~= '' and unpack1('<d', after) == slot then
    have = { select(2, unpack1(RECORD, after)) }
    after = after:sub(1 + RECORD_LEN)
  end
  for u = 1, 5 do
    w.total[u] = w.total[u] + max(0, v[u] - have[u])
    v[u] = max(v[u], have[u])
  end
  w.records = before .. pack(RECORD, slot, v[1], v[2], v[3], v[4], v[5]) .. after
  m.changed = true
end
for i = 1, meters do
  local m = cache[i]
  if m then
    for _, w in ipairs(m.windows) do
      advance(w, tick)
    end
    save(m)
  end
end
return pack('<d', epoch)
