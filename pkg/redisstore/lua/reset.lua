-- Reset: make the meters count nothing.

call('DEL', unpack(KEYS, 4))
return pack('<d', epoch)
