-- Cancel: give everything back and close the claim. A claim that is not known stays unknown.

if not claim or claim.closed then
  return answer({ 0, 0, 0, 0, 0 })
end
uncharge(claim.total)
claim.closed = true
commit()
return answer(claim.total)
