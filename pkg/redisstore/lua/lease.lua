-- Lease: raise a replica's claim on one meter to the volume, its new total, and some ahead of need: of what the limits leave, a part each time,
-- so that the last of it goes to who needs it.
--
-- ARGV[6]  packed: how much ahead per unit; the part of what is left: one in so many; 1 where the need is to be granted as a whole or not at all
--
-- The answer has, between the total and the limits in the way, how long this tick still lasts.

local ahead = { unpack1('<ddddd', ARGV[6]) }
local parts, all = unpack1('<dd', ARGV[6], 41)
local left = tick + width - now

local function leased(total, over)
  return pack('<ddddddd', epoch, total[1], total[2], total[3], total[4], total[5], left) .. table.concat(over or {})
end

local have = claim and claim.total or { 0, 0, 0, 0, 0 }
if claim and claim.closed then
  return leased(have)
end
local grant, over = fit(have)
if not grant then
  return unreadable()
end
if #over > 0 then
  if all == 1 then
    return leased(have, over)
  end
else
  for i = 1, #ARGV[2], 13 do
    local m, u, k, _, maximum = unpack1('<BBBHd', ARGV[2], i)
    local room = maximum - used(load(m), k, u) - max(0, volume[u] - have[u])
    ahead[u] = max(0, min(ahead[u], floor(room / parts)))
  end
  for u = 1, 5 do
    grant[u] = grant[u] + ahead[u]
  end
end
charge(grant)
commit()
return leased(claim.total, over)
