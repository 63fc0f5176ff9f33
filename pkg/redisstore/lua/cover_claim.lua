-- Claim: open a claim, and return for each holder what has left and the slots of the claims that others have open.

local found, claims = {}, {}
for i = 1, holders do
  local others, slots, mine = open(i)
  if not mine and #others >= MAX_OPEN then
    return redis.error_reply('WEIRBUSY too many claims are open')
  end
  found[i] = left(i) .. pack('<I2', #slots) .. concat(slots)
  others[#others + 1] = pack(CLAIM, id, mine or now + OPEN_FOR, first, last)
  claims[i] = others
end
for i = 1, holders do
  keep(i, claims[i])
end
return answer(concat(found))
