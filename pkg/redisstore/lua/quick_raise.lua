-- The claim is new or open, all of the volume is at least what is charged, and no limit is in the way.
local a, b, c, d, e, charges = 0, 0, 0, 0, 0, ''
if values[3] then
  local state
  state, a, b, c, d, e = unpack1('<Bddddd', values[3])
  charges = values[3]:sub(42)
  if state == 110 then
    charges = charges .. values[3]:sub(2, 41)
  elseif state ~= 111 then
    return 0
  end
  if #charges >= 64 * 48 then
    return 0
  end
end
local f, g, h, i, j = v1 - a, v2 - b, v3 - c, v4 - d, v5 - e
if f < 0 or g < 0 or h < 0 or i < 0 or j < 0 or f + g + h + i + j == 0 then
  return 0
end
local want, frame = { f, g, h, i, j }, ARGV[1]
for at = FRAME_LEN + 1, #frame, 12 do
  local m, u, total, maximum = unpack1('<BBHd', frame, at)
  if want[u] > 0 and pending[m][u] + unpack1('<d', values[3 + m], total) + want[u] > maximum then
    return 0
  end
end
for m = 1, charged do
  local p = pending[m]
  call('SETRANGE', KEYS[3 + m], '16', pack('<ddddd', p[1] + f, p[2] + g, p[3] + h, p[4] + i, p[5] + j))
end
local last = #charges - 47
if last > 0 and unpack1('<d', charges, last) == tick then
  local _, q, r, s, t, u = unpack1('<dddddd', charges, last)
  charges = charges:sub(1, last - 1) .. pack('<dddddd', tick, q + f, r + g, s + h, t + i, u + j)
else
  charges = charges .. pack('<dddddd', tick, f, g, h, i, j)
end
call('SETEX', KEYS[3], '172800', pack('<Bddddd', 111, v1, v2, v3, v4, v5) .. charges)
return 1
