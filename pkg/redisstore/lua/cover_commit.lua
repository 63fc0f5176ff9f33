-- Commit: the piece has left, whether its claim is open or not, and the claim is closed.

local WORDS = '<' .. string.rep('i4', 32)
local piece = { unpack1(WORDS, ARGV[3]) }
for i = 1, holders do
  local bitmap, at = left(i)
  local words = { unpack1(WORDS, bitmap) }
  for w = 1, 32 do
    words[w] = bit.bor(words[w], piece[w])
  end
  call('SET', KEYS[1 + i], pack('<d', max(at, now)) .. pack(WORDS, unpack(words, 1, 32)), 'EX', math.ceil(ttl / 1000000))
  keep(i, (open(i)))
end
return answer()
