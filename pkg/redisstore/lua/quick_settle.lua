-- All that the claim was charged came in this tick.
local value = values[3]
if not value or #value ~= 49 and #value ~= 89 then
  return 0
end
local state, a, b, c, d, e, at = unpack1('<Bdddddd', value)
if state == 99 or at ~= tick then
  return 0
end
a, b, c, d, e = v1 - a, v2 - b, v3 - c, v4 - d, v5 - e
for i = 1, charged do
  local p = pending[i]
  if p[1] + a < 0 or p[2] + b < 0 or p[3] + c < 0 or p[4] + d < 0 or p[5] + e < 0 then
    return 0
  end
end
for i = 1, charged do
  local p = pending[i]
  call('SETRANGE', KEYS[3 + i], '16', pack('<ddddd', p[1] + a, p[2] + b, p[3] + c, p[4] + d, p[5] + e))
end
call('SETEX', KEYS[3], '600', pack('<Bddddd', 99, v1, v2, v3, v4, v5))
return 1
