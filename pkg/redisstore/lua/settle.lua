-- Settle: make the volume the final total, more or less than what is charged, and close the claim. A claim that is not known is charged.

if claim and claim.closed then
  return answer(claim.total)
end
local have = claim and { unpack(claim.total) } or { 0, 0, 0, 0, 0 }
local more, less = {}, {}
for u = 1, 5 do
  more[u], less[u] = max(0, volume[u] - have[u]), max(0, have[u] - volume[u])
end
charge(more)
uncharge(less)
claim.closed = true
commit()
return answer(claim.total)
