-- Meters that were counted in this tick before, a new claim, and no limit in the way: the common case, in one pass.
if tick == seen and not values[2] then
  local limits, at, changed = ARGV[2], 1, {}
  local m, u, k, total, maximum
  if limits ~= '' then
    m, u, k, total, maximum = unpack1('<BBBHd', limits)
  end
  local volume = { v1, v2, v3, v4, v5 }
  for i = 1, meters do
    local head = values[2 + i]
    if not head then
      changed = nil
      break
    end
    local s, t, a, b, c, d, e = unpack1(HEAD, head)
    if s ~= stamp or t ~= tick then
      changed = nil
      break
    end
    a, b, c, d, e = a + v1, b + v2, c + v3, d + v4, e + v5
    if m == i then
      local p = { a, b, c, d, e }
      repeat
        if k == 0 or p[u] + unpack1('<d', head, total) > maximum and volume[u] > 0 then
          changed = nil
          break
        end
        at = at + 13
        m = nil
        if at < #limits then
          m, u, k, total, maximum = unpack1('<BBBHd', limits, at)
        end
      until m ~= i
      if not changed then
        break
      end
    end
    changed[i] = pack('<ddddd', a, b, c, d, e)
  end
  if changed then
    for i = 1, charged do
      call('SETRANGE', KEYS[2 + i], PENDING_AT, changed[i])
    end
    call('SETEX', KEYS[2], '172800', pack('<Bddddddddddd', 111, v1, v2, v3, v4, v5, tick, v1, v2, v3, v4, v5))
    return pack('<dddddd', epoch, v1, v2, v3, v4, v5)
  end
end
local pending = {}
