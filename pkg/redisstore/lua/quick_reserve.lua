-- The claim is new, and no limit is in the way.
if values[3] then
  return 0
end
local frame, at, last, heads = ARGV[1], FRAME_LEN + 1, #ARGV[1], {}
local m, u, total, maximum
if at < last then
  m, u, total, maximum = unpack1('<BBHd', frame, at)
end
for i = 1, meters do
  local head = values[3 + i]
  if not head then
    return 0
  end
  local s, t, a, b, c, d, e = unpack1('<ddddddd', head)
  if s ~= stamp or t ~= tick then
    return 0
  end
  a, b, c, d, e = a + v1, b + v2, c + v3, d + v4, e + v5
  while m == i do
    if u > 5 then -- limits on up to four windows, one beside the other: this and three more maximums
      local n, x2, x3, x4 = u == 9 and d or u == 8 and c or u == 10 and e or u == 6 and a or b, unpack1('<ddd', frame, at + 12)
      local t1, _, t2, _, t3, _, t4 = unpack1('<dc32dc32dc32d', head, total)
      if n + t1 > maximum or n + t2 > x2 or n + t3 > x3 or n + t4 > x4 then
        return 0
      end
      at = at + 24
    elseif (u == 4 and d or u == 3 and c or u == 5 and e or u == 1 and a or b) + unpack1('<d', head, total) > maximum then
      return 0
    end
    at, m = at + 12, nil
    if at < last then
      m, u, total, maximum = unpack1('<BBHd', frame, at)
    end
  end
  heads[i] = pack('<ddddd', a, b, c, d, e)
end
for i = 1, charged do
  call('SETRANGE', KEYS[3 + i], '16', heads[i])
end
call('SETEX', KEYS[3], '172800', pack('<Bdddddd', 110, v1, v2, v3, v4, v5, tick))
return 1
