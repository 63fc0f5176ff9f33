-- Commit: the document has left today, whether its claim is open or not, and the claim is closed.

local slot = today % DAYS
if head[2 + slot] ~= today then
  call('DEL', KEYS[5 + slot])
  head[2 + slot] = today
end
call('PFADD', KEYS[5 + slot], document)
call('EXPIRE', KEYS[5 + slot], keep)
call('PFADD', KEYS[3], document)
call('EXPIRE', KEYS[3], keep)
close()
return answer()
