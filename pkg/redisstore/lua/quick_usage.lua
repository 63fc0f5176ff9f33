-- Meters that were counted in this tick before.
if quick then
  local counts = { pack('<d', epoch) }
  for i = 1, meters do
    local head, p = values[3 + i], pending[i]
    for at = TOTALS_AT, #head, 40 do
      local a, b, c, d, e = unpack1('<ddddd', head, at)
      counts[#counts + 1] = pack('<ddddd', a + p[1], b + p[2], c + p[3], d + p[4], e + p[5])
    end
  end
  return table.concat(counts)
end
