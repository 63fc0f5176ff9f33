-- All that the claim was charged came in this tick.
if quick and values[2] and #values[2] == 89 then
  local state, a, b, c, d, e, at = unpack1('<Bdddddd', values[2])
  if state == 111 and at == tick then
    a, b, c, d, e = v1 - a, v2 - b, v3 - c, v4 - d, v5 - e
    for i = 1, charged do
      local p = pending[i]
      quick = quick and p[1] + a >= 0 and p[2] + b >= 0 and p[3] + c >= 0 and p[4] + d >= 0 and p[5] + e >= 0
    end
    if quick then
      for i = 1, charged do
        local p = pending[i]
        call('SETRANGE', KEYS[2 + i], PENDING_AT, pack('<ddddd', p[1] + a, p[2] + b, p[3] + c, p[4] + d, p[5] + e))
      end
      call('SETEX', KEYS[2], '600', pack('<Bddddd', 99, v1, v2, v3, v4, v5))
      return pack('<dddddd', epoch, v1, v2, v3, v4, v5)
    end
  end
end
