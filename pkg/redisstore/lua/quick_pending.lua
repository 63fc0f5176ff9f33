-- What came to each meter since the tick began.
local pending = {}
for i = 1, meters do
  local head = values[3 + i]
  if not head then
    return 0
  end
  local s, t, a, b, c, d, e = unpack1('<ddddddd', head)
  if s ~= stamp or t ~= tick then
    return 0
  end
  pending[i] = { a, b, c, d, e }
end
