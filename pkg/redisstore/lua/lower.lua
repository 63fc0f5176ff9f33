-- Lower: make the volume the total where that is less, and leave the claim open.

if not claim or claim.closed then
  return answer({ 0, 0, 0, 0, 0 })
end
local less = {}
for u = 1, 5 do
  less[u] = max(0, claim.total[u] - volume[u])
end
uncharge(less)
commit()
return answer(claim.total)
