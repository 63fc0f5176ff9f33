-- Usage: what the meters' windows count now.
--
-- KEYS[2..] the meters

local counts = { epoch }
for i = 2, #KEYS do
  local windows = load(values[i])
  for k = 1, #kept do
    counts[#counts + 1] = pack('<ddddd', unpack(windows[k].total, 1, 5))
  end
end
return table.concat(counts)
