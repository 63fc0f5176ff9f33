-- The claim is new or open, and no limit is in the way.
if quick then
  local value = values[2]
  local a, b, c, d, e, charges = 0, 0, 0, 0, 0, ''
  if value then
    local state
    state, a, b, c, d, e = unpack1('<Bddddd', value)
    charges = value:sub(42)
    quick = state == 111 and #charges < 64 * 48
  end
  if quick then
    local want, limits = { v1 - a, v2 - b, v3 - c, v4 - d, v5 - e }, ARGV[2]
    for i = 1, #limits, 13 do
      local m, u, k, at, maximum = unpack1('<BBBHd', limits, i)
      local w = want[u]
      if k == 0 or w > 0 and pending[m][u] + unpack1('<d', values[2 + m], at) + w > maximum then
        quick = false
        break
      end
    end
    local f, g, h, i, j = max(0, want[1]), max(0, want[2]), max(0, want[3]), max(0, want[4]), max(0, want[5])
    if quick and f + g + h + i + j > 0 then
      for m = 1, charged do
        local p = pending[m]
        call('SETRANGE', KEYS[2 + m], PENDING_AT, pack('<ddddd', p[1] + f, p[2] + g, p[3] + h, p[4] + i, p[5] + j))
      end
      local last = #charges - 47
      if last > 0 and unpack1('<d', charges, last) == tick then
        local _, q, r, s, t, u = unpack1('<dddddd', charges, last)
        charges = charges:sub(1, last - 1) .. pack('<dddddd', tick, q + f, r + g, s + h, t + i, u + j)
      else
        charges = charges .. pack('<dddddd', tick, f, g, h, i, j)
      end
      a, b, c, d, e = a + f, b + g, c + h, d + i, e + j
      call('SETEX', KEYS[2], '172800', pack('<Bddddd', 111, a, b, c, d, e) .. charges)
      return pack('<dddddd', epoch, a, b, c, d, e)
    end
  end
end
