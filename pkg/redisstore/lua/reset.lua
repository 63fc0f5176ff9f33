-- Reset: make the meters count nothing.

call('DEL', unpack(KEYS, 3))
return pack('<d', epoch)
