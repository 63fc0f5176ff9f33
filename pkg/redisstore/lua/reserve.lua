-- Reserve: charge the volume to every key if no limit is passed by it, else nothing. A known claim returns what is charged already.

if claim then
  return answer(claim.total)
end
local zero = { 0, 0, 0, 0, 0 }
local grant, over = fit(zero)
if not grant then
  return unreadable()
end
if #over > 0 then
  return answer(zero, over)
end
charge(volume)
commit()
return answer(volume)
