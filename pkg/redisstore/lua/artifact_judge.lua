-- Judge: the object is ARGV[3], unless it is known to be something stricter already; and what it is known to be is returned.

local is = read(KEYS[2])
if not is or string.sub(is, 1, 1) == 'o' and string.sub(ARGV[3], 1, 1) == 'n' then
  is = ARGV[3]
  write(KEYS[2], is)
end
if string.sub(is, 1, 1) == 'n' then -- nothing can make it stricter
  forget()
end
return told(is)
