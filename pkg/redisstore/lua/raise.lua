-- Raise: charge what the volume, the new total, adds to what is charged, as far as the limits permit. A claim that is not known is
-- charged as new; one that is closed stays as it is.

if claim and claim.closed then
  return answer(claim.total)
end
local grant, over = fit(claim and claim.total or { 0, 0, 0, 0, 0 })
if not grant then
  return unreadable()
end
charge(grant)
commit()
return answer(claim.total, over)
