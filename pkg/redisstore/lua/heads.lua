-- quick says that tenant and meters were counted in this tick before. pending is what came to each since it began.
local quick, pending = tick == seen, {}
if quick then
  for i = 1, meters do
    local head = values[3 + i]
    if not head then
      quick = false
      break
    end
    local s, t, a, b, c, d, e = unpack1(HEAD, head)
    if s ~= stamp or t ~= tick then
      quick = false
      break
    end
    pending[i] = { a, b, c, d, e }
  end
end
