-- Swap: what was seen is ARGV[4] in place of what the caller has read, whose hash is ARGV[3]; nothing where others have added to it since.

local sight = read(KEYS[3])
if sight and redis.sha1hex(sight) == ARGV[3] then
  if ARGV[4] == '' then
    forget()
  else
    remember(ARGV[4])
  end
end
return told()
