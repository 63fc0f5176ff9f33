-- Claim: open a claim, and return how many documents have left, whether the claim's has not, and how many more others have claims on.

local mine
for i = 1, #claims do
  if claims[i][1] == id then
    mine = claims[i]
  end
end
if mine then
  mine[3] = document
elseif #claims >= MAX_OPEN then
  return redis.error_reply('WEIRBUSY too many claims are open')
end

-- Whether a document is new shows a sketch that it is added to: one for this moment, of which replicas and files need not know.
local before = call('PFCOUNT', KEYS[3])
local sketch = call('GET', KEYS[3])
redis.set_repl(redis.REPL_NONE)
if sketch then
  call('SET', KEYS[4], sketch)
else
  call('PFADD', KEYS[4])
end
local isNew, others, counted = call('PFADD', KEYS[4], document), 0, { [document] = true }
for i = 1, #claims do
  local what = claims[i][3]
  if not counted[what] then
    counted[what] = true
    others = others + call('PFADD', KEYS[4], what)
  end
end
call('DEL', KEYS[4])
redis.set_repl(redis.REPL_ALL)

if not mine then
  claims[#claims + 1] = { id, now + OPEN_FOR, document }
end
return answer(pack('<ddd', before, isNew, others))
