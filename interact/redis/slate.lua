#!lua name=cuelight_slate_VERSION

-- What nodes know of a channel: a hash of texts by name, a sorted set of when each
-- ends, and a hash of the fences, which stay longer.

local FENCE_MS = 31 * 24 * 3600 * 1000

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function drop(keys, name)
  redis.call('HDEL', keys[1], name)
  redis.call('ZREM', keys[2], name)
end

-- KEYS: slate until fences   ARGV: name fence erase data ttl-ms
local function write(keys, args)
  local name, fence, ttl, now = args[1], tonumber(args[2]), tonumber(args[5]), now_ms()
  if fence > 0 then
    if fence < tonumber(redis.call('HGET', keys[3], name) or '0') then return {'fenced'} end
    redis.call('HSET', keys[3], name, args[2])
    redis.call('PEXPIRE', keys[3], FENCE_MS)
  end
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', keys[2], '-inf', now, 'LIMIT', 0, 16)) do drop(keys, old) end
  if args[3] == '1' then
    drop(keys, name)
    return {'ok'}
  end
  redis.call('HSET', keys[1], name, args[4])
  redis.call('ZADD', keys[2], now + ttl, name)
  for i = 1, 2 do
    if redis.call('PTTL', keys[i]) < ttl then redis.call('PEXPIRE', keys[i], ttl + 1000) end
  end
  return {'ok'}
end

-- KEYS: slate until   ARGV: name
local function read(keys, args)
  local ends = redis.call('ZSCORE', keys[2], args[1])
  if not ends or tonumber(ends) <= now_ms() then return {'none'} end
  return {'ok', redis.call('HGET', keys[1], args[1])}
end

-- KEYS: slate until   ARGV: what names begin with
local function all(keys, args)
  local out = {'ok'}
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', keys[2], '(' .. string.format('%.0f', now_ms()), '+inf')) do
    if string.sub(name, 1, #args[1]) == args[1] then
      out[#out + 1] = string.sub(name, #args[1] + 1)
      out[#out + 1] = redis.call('HGET', keys[1], name)
    end
  end
  return out
end

redis.register_function('cuelight_slate_write_VERSION', write)
redis.register_function{function_name = 'cuelight_slate_read_VERSION', callback = read, flags = {'no-writes'}}
redis.register_function{function_name = 'cuelight_slate_all_VERSION', callback = all, flags = {'no-writes'}}
