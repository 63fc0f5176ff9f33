-- Usage: what the meters' windows count now.

local counts = { pack('<d', epoch) }
for i = 1, meters do
  local m = load(i)
  for k = 1, #kept(ARGV[4]:byte(i)) do
    counts[#counts + 1] = pack('<ddddd', used(m, k, 1), used(m, k, 2), used(m, k, 3), used(m, k, 4), used(m, k, 5))
  end
end
return table.concat(counts)
