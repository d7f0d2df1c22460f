-- Carries out one replica's report on one account, in one step. See redis.go for the layout,
-- and ratelimit.Shared for the rules. Times are microseconds, by the server's clock.
--
-- KEYS: the account
-- ARGV: now or '' for the server's time, window, term, replica, seq, full (0 or 1),
--       slots: limit, keep, want,
--       requests: limit, keep, need, want, how many spent, and for each: quantum, age, n,
--       tokens: the same
-- Answers: known, replicas, slots: granted, free, others,
--       requests and tokens: granted, free, others, how many come free, and for each: n, in
local key, replica = KEYS[1], ARGV[4]
local now, window, term = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seq, full = tonumber(ARGV[5]), ARGV[6] == '1'
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local UNLIMITED, LOST = -1, -1

local function unpacked(field)
  local packed = redis.call('HGET', key, field)
  return packed and cmsgpack.unpack(packed) or {}
end

-- store keeps what is within the window of a list of quantum, at, n, and notes its sum and
-- its oldest, so that the list is not looked at before something leaves it.
local function store(kind, name, list, of)
  local kept, sum, oldest = {}, 0, nil
  for i = 1, #list, 3 do
    local at, n = list[i + 1], list[i + 2]
    if n > 0 and at + window > now then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = list[i], at, n
      sum = sum + n
      if not oldest or at < oldest then oldest = at end
    end
  end
  if sum > 0 then
    redis.call('HSET', key, kind .. ':' .. name, cmsgpack.pack(kept))
  else
    redis.call('HDEL', key, kind .. ':' .. name)
  end
  of.sum, of.oldest = sum, oldest or 0
end

-- slice is ratelimit.Slice.
local function slice(free, need, want, replicas)
  if want <= 0 or need > free then return 0 end
  return math.min(free, math.max(need, math.floor(free / (8 * replicas)), math.min(want, math.floor(free / replicas))))
end

local leases = unpacked('leases')

-- What has left the window is forgotten, and what was held by whoever was not heard of for
-- a term is taken for spent.
local replicas = 0
for name, lease in pairs(leases) do
  local gone = lease.till <= now
  for _, kind in ipairs({ 'q', 't' }) do
    local of = lease[kind]
    if gone and of.held > 0 then
      local list = unpacked(kind .. ':' .. name)
      list[#list + 1], list[#list + 2], list[#list + 3] = LOST, lease.till, of.held
      of.held = 0
      store(kind, name, list, of)
    elseif of.sum > 0 and of.oldest + window <= now then
      store(kind, name, unpacked(kind .. ':' .. name), of)
    end
  end
  if gone then
    lease.slots = 0
    if lease.q.sum == 0 and lease.t.sum == 0 then leases[name] = nil end
  elseif name ~= replica then
    replicas = replicas + 1
  end
end

-- finish writes what has changed. A key ends when nothing in it can matter any more.
local function finish()
  if next(leases) then
    redis.call('HSET', key, 'leases', cmsgpack.pack(leases))
    redis.call('PEXPIRE', key, math.ceil((2 * window + term) / 1000))
  else
    redis.call('DEL', key)
  end
end

local mine = leases[replica]
if mine and seq <= mine.seq or not full and not (mine and mine.till > now) then
  finish()
  return { 0 }
end
if not mine then
  mine = { slots = 0, q = { held = 0, sum = 0, oldest = 0 }, t = { held = 0, sum = 0, oldest = 0 } }
  leases[replica] = mine
end
replicas = replicas + 1
mine.seq, mine.till = seq, now + term
local answer = { 1, replicas }

local function grant(free, others, need, want)
  local granted = slice(free, need, want, replicas)
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = granted, free - granted, others
  return granted
end

do
  local limit, keep, want = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  if limit == UNLIMITED then
    mine.slots = 0
    grant(0, 0, 0, 0)
  else
    local others = 0
    for name, lease in pairs(leases) do
      if name ~= replica then others = others + lease.slots end
    end
    mine.slots = keep + grant(math.max(limit - keep - others, 0), others, math.min(want, 1), want)
  end
end

-- tell takes the report's word for what was spent.
local function tell(kind, from, count)
  if count == 0 and not full then return end
  local list, index = {}, {}
  if not full then
    list = unpacked(kind .. ':' .. replica)
    for i = 1, #list, 3 do index[list[i]] = i end
  end
  for arg = from, from + 3 * (count - 1), 3 do
    local quantum, at, n = tonumber(ARGV[arg]), now - tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
    local i = index[quantum]
    if not i then
      list[#list + 1], list[#list + 2], list[#list + 3] = quantum, at, n
    else
      if n > list[i + 2] then list[i + 1] = math.max(list[i + 1], at) end
      list[i + 2] = n
    end
  end
  store(kind, replica, list, mine[kind])
end

-- coming appends what leaves the window, soonest first.
local function coming(kind)
  local all = {}
  for name, lease in pairs(leases) do
    if lease[kind].sum > 0 then
      local list = unpacked(kind .. ':' .. name)
      for i = 1, #list, 3 do all[#all + 1] = { list[i + 1] + window - now, list[i + 2] } end
    end
  end
  table.sort(all, function(a, b) return a[1] < b[1] end)
  answer[#answer + 1] = #all
  for _, c in ipairs(all) do answer[#answer + 1], answer[#answer + 2] = c[2], c[1] end
end

local arg = 10
for _, kind in ipairs({ 'q', 't' }) do
  local limit, keep, need = tonumber(ARGV[arg]), tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local want, count = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  if limit == UNLIMITED then
    mine[kind].held = 0
    grant(0, 0, 0, 0)
    answer[#answer + 1] = 0
  else
    tell(kind, arg + 5, count)
    local used, others = keep, 0
    for name, lease in pairs(leases) do
      used = used + lease[kind].sum
      if name ~= replica then others = others + lease[kind].held end
    end
    local free = math.max(limit - used - others, 0)
    mine[kind].held = keep + grant(free, others, need, want)
    if need > free then coming(kind) else answer[#answer + 1] = 0 end
  end
  arg = arg + 5 + 3 * count
end

finish()
return answer
