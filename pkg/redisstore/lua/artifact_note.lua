-- Note: keep what is worth keeping of a piece, ARGV[3], and return what the object is, and what was seen of it so far. Of an object that is named
-- nothing is kept; beyond ARGV[4] bytes the piece is not.

local is, sight = read(KEYS[2]) or '', ''
if string.sub(is, 1, 1) ~= 'n' then
  sight = read(KEYS[3]) or ''
  if ARGV[3] ~= '' and #sight + #ARGV[3] <= tonumber(ARGV[4]) then
    sight = sight .. ARGV[3]
    remember(sight)
  end
end
return told(pack('<I4', #is) .. is .. sight)
