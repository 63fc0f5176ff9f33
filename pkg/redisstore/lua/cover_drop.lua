-- Drop: nothing of the piece left by this claim, which is closed.

for i = 1, holders do
  local others, _, mine = open(i)
  if mine then
    keep(i, others)
  end
end
return answer()
