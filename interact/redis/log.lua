#!lua name=cuelight_log_VERSION

-- The log of one channel: a stream of records with the id seq-0, another one of
-- those that a replacement put before them, and a hash that says what should be
-- there. Every function touches keys of one channel.

local CALL_S = 900
-- A log that nobody writes and whose channel nobody follows ends after KEEP ms. That
-- is renewed when SLACK of it is over.
local KEEP, SLACK = 90 * 24 * 3600 * 1000, 3600 * 1000

local function num(n) return string.format('%.0f', n) end

local function known(meta)
  local m = redis.call('HMGET', meta, 'last', 'upto', 'fence', 'kept', 'base', 'gen', 'expires')
  local l = {expires = m[7]}
  for i, name in ipairs({'last', 'upto', 'fence', 'kept', 'base', 'gen'}) do l[name] = tonumber(m[i] or '0') end
  return l
end

-- keep lets all of a log end at the same time, later than it would.
local function keep(keys)
  local due = false
  for i = 1, 3 do
    local left = redis.call('PTTL', keys[i])
    due = due or left ~= -2 and left < KEEP - SLACK
  end
  for i = 1, due and 3 or 0 do redis.call('PEXPIRE', keys[i], KEEP) end
end

-- persist takes back that a log was to go.
local function persist(meta, log, base, l)
  if l.expires then redis.call('HDEL', meta, 'expires') end
  keep({meta, log, base})
end

-- void takes back what a call has appended of which nobody knows whether it
-- was, now or when it comes late.
local function void(meta, log, call)
  local range = redis.call('GET', call)
  local gone = 0
  if range and range ~= 'void' then
    local first, last = string.match(range, '^(%d+)-(%d+)$')
    for seq = tonumber(first), tonumber(last) do
      gone = gone + redis.call('XDEL', log, num(seq) .. '-0')
    end
  end
  redis.call('SET', call, 'void', 'EX', CALL_S)
  if gone > 0 then
    redis.call('HINCRBY', meta, 'kept', num(0 - gone))
    redis.call('HINCRBY', meta, 'gen', 1)
  end
end

-- KEYS: meta log base call, then the calls to be taken back
-- ARGV: fence, then kind cue crc data for each record
local function append(keys, args)
  local meta, log, call, fence = keys[1], keys[2], keys[4], tonumber(args[1])
  local was = redis.call('GET', call)
  if was == 'void' then return {'void'} end
  if was then
    redis.call('EXPIRE', call, CALL_S)
    return {'ok', (string.match(was, '^(%d+)-'))}
  end
  local l = known(meta)
  if fence > 0 and fence < l.fence then return {'fenced'} end
  for i = 5, #keys do void(meta, log, keys[i]) end
  local first, seq = l.last + 1, l.last
  for i = 2, #args, 4 do
    seq = seq + 1
    redis.call('XADD', log, num(seq) .. '-0', 'k', args[i], 'c', args[i + 1], 's', args[i + 2], 'd', args[i + 3])
  end
  redis.call('HSET', meta, 'last', num(seq), 'fence', num(math.max(fence, l.fence)))
  redis.call('HINCRBY', meta, 'kept', num(seq - l.last))
  redis.call('SET', call, num(first) .. '-' .. num(seq), 'EX', CALL_S)
  persist(meta, log, keys[3], l)
  return {'ok', num(first)}
end

-- KEYS: meta log base   ARGV: fence
-- What should be in the log and how many records are. A fence is taken up, so
-- that nobody with a lower one writes any more.
local function look(keys, args)
  local l, fence = known(keys[1]), tonumber(args[1])
  if fence > 0 then
    if fence < l.fence then return {'fenced'} end
    redis.call('HSET', keys[1], 'fence', num(fence))
    if not l.expires then keep(keys) end
  end
  return {'ok', num(l.last), num(l.upto), num(l.kept), num(l.base), num(l.gen),
    num(redis.call('XLEN', keys[2])), num(redis.call('XLEN', keys[3]))}
end

-- KEYS: staged   ARGV: seq kind cue crc data
local function stage(keys, args)
  local id = args[1] .. '-0'
  if #redis.call('XRANGE', keys[1], id, id) == 0 then
    redis.call('XADD', keys[1], id, 'k', args[2], 'c', args[3], 's', args[4], 'd', args[5])
  end
  return {'ok'}
end

-- KEYS: meta log base staged call   ARGV: fence upto count
local function replace(keys, args)
  local meta, log, base, staged, call = keys[1], keys[2], keys[3], keys[4], keys[5]
  local fence, upto, count = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  if redis.call('EXISTS', call) == 1 then
    redis.call('EXPIRE', call, CALL_S)
    return {'ok'}
  end
  local l = known(meta)
  if fence > 0 and fence < l.fence then return {'fenced'} end
  if upto > l.last or upto < l.upto then return {'stale'} end
  if redis.call('XLEN', staged) ~= count then return {'unstaged'} end
  local gone = redis.call('XTRIM', log, 'MINID', num(upto + 1) .. '-0')
  redis.call('UNLINK', base)
  if count > 0 then
    redis.call('RENAME', staged, base)
    redis.call('PERSIST', base)
  end
  redis.call('HINCRBY', meta, 'kept', num(0 - gone))
  redis.call('HINCRBY', meta, 'gen', 1)
  redis.call('HSET', meta, 'upto', num(upto), 'base', num(count), 'fence', num(math.max(fence, l.fence)))
  redis.call('SET', call, '1', 'EX', CALL_S)
  persist(meta, log, base, l)
  return {'ok'}
end

-- KEYS: meta log base   ARGV: ms
local function expire(keys, args)
  if args[1] == '0' then
    redis.call('UNLINK', keys[1], keys[2], keys[3])
  elseif redis.call('EXISTS', keys[1]) == 1 then
    redis.call('HSET', keys[1], 'expires', '1')
    for i = 1, 3 do redis.call('PEXPIRE', keys[i], args[1]) end
  end
  return {'ok'}
end

redis.register_function('cuelight_log_append_VERSION', append)
redis.register_function{function_name = 'cuelight_log_look_VERSION', callback = look, flags = {'allow-oom'}}
redis.register_function('cuelight_log_stage_VERSION', stage)
redis.register_function('cuelight_log_replace_VERSION', replace)
redis.register_function{function_name = 'cuelight_log_expire_VERSION', callback = expire, flags = {'allow-oom'}}
