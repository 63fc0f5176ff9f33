-- Known: what the object is.

return told(read(KEYS[2]))
