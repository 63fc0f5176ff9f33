-- The scripts of what objects are go on with this. The meaning is pkg/artifact's; what was seen of an object nobody can read here.
--
-- KEYS[2]  what the object is; KEYS[3] what was seen of it; KEYS[4] of which objects something was seen, by when
-- ARGV[2]  the object, as the keys have it; ARGV[3..] of the step
--
-- What it is, and what was seen, are values that begin with the time of the last look, in microseconds. Of what it is the next byte is "n" where it
-- is named, and "o" where nobody can know it.

local object, MAX_OBJECTS = ARGV[2], 1024

-- read returns a value that has not expired, and writes it again now and then: it lives for so long from the last look.
local function read(key)
  local value = call('GET', key)
  if not value then
    return nil
  end
  local at = unpack1('<d', value)
  if now - at >= keep * 1000000 then
    return nil
  end
  local rest = string.sub(value, 9)
  if now - at >= keep * 1000000 / 24 then
    call('SET', key, pack('<d', now) .. rest, 'EX', keep)
  end
  return rest
end

local function write(key, rest) call('SET', key, pack('<d', now) .. rest, 'EX', keep) end

-- remember keeps what was seen of the object, and forgets the one that was seen least recently where there are too many.
local function remember(sight)
  write(KEYS[3], sight)
  call('ZADD', KEYS[4], now, object)
  call('EXPIRE', KEYS[4], keep)
  if call('ZCARD', KEYS[4]) > MAX_OBJECTS then
    local oldest = call('ZPOPMIN', KEYS[4])
    call('DEL', string.sub(KEYS[3], 1, #KEYS[3] - #object) .. oldest[1])
  end
end

local function forget()
  call('DEL', KEYS[3])
  call('ZREM', KEYS[4], object)
end
