-- The scripts of distinct documents go on with this. The meaning is pkg/distinct's.
--
-- KEYS[2]  what is known of the holder; KEYS[3] the sketch of all days that count; KEYS[4] one for a moment;
--          KEYS[5..35] a sketch for each day, at the day's number modulo 31
-- ARGV[2]  the claim, and ARGV[3] the document, 16 bytes each
--
-- What is known of a holder is the last day that was seen, the day of each of the 31 sketches (-1: none), and the open claims, 40 bytes each: which,
-- when it lapses, its document. Numbers are doubles, little-endian. Times are in microseconds.

local OPEN_FOR, MAX_OPEN, DAYS, DAY = 30000000, 256, 31, 86400000000
local CLAIM, CLAIM_LEN, HEAD, HEAD_LEN = '<c16dc16', 40, '<' .. string.rep('d', 32), 256
local id, document = ARGV[2], ARGV[3]

local value = call('GET', KEYS[2])
local head, claims = {}, {}
if value then
  if #value < HEAD_LEN or (#value - HEAD_LEN) % CLAIM_LEN ~= 0 then
    error('what is known of a holder cannot be read')
  end
  head = { unpack1(HEAD, value) }
  for at = HEAD_LEN + 1, #value, CLAIM_LEN do
    local which, lapses, what = unpack1(CLAIM, value, at)
    lapses = min(lapses, now + OPEN_FOR) -- a clock that was set back makes none last longer
    if lapses > now then
      claims[#claims + 1] = { which, lapses, what }
    end
  end
else
  head[1] = 0
  for i = 2, 1 + DAYS do
    head[i] = -1
  end
end

-- The days that count no more are forgotten.
local today = max(head[1], math.floor(now / DAY))
if today > head[1] then
  head[1] = today
  local counted, gone = {}, false
  for i = 0, DAYS - 1 do
    local day = head[2 + i]
    if day >= 0 and day <= today - DAYS then
      call('DEL', KEYS[5 + i])
      head[2 + i], gone = -1, true
    elseif day >= 0 then
      counted[#counted + 1] = KEYS[5 + i]
    end
  end
  if gone then
    call('DEL', KEYS[3])
    if #counted > 0 then
      call('PFMERGE', KEYS[3], unpack(counted))
      call('EXPIRE', KEYS[3], keep)
    end
  end
end

-- answer writes what is known of the holder, and returns what the caller reads.
local function answer(more)
  local out = { pack(HEAD, unpack(head, 1, 1 + DAYS)) }
  for i = 1, #claims do
    out[1 + i] = pack(CLAIM, claims[i][1], claims[i][2], claims[i][3])
  end
  call('SET', KEYS[2], concat(out), 'EX', keep)
  return told(more)
end

-- close closes the claim.
local function close()
  for i = #claims, 1, -1 do
    if claims[i][1] == id then
      table.remove(claims, i)
    end
  end
end
