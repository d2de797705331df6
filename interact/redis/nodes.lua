#!lua name=cuelight_nodes_VERSION

-- The nodes: a hash of what each says of itself, and when each has to say it again.

local STAY_MS = 2 * 3600 * 1000 -- longer than any node may be announced for

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function drop(keys, id)
  redis.call('HDEL', keys[1], id)
  redis.call('ZREM', keys[2], id)
end

-- KEYS: nodes until   ARGV: id data ttl-ms most
local function announce(keys, args)
  local now = now_ms()
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', keys[2], '-inf', now)) do drop(keys, old) end
  if redis.call('HEXISTS', keys[1], args[1]) == 0 and redis.call('HLEN', keys[1]) >= tonumber(args[4]) then return {'full'} end
  redis.call('HSET', keys[1], args[1], args[2])
  redis.call('ZADD', keys[2], now + tonumber(args[3]), args[1])
  for i = 1, 2 do redis.call('PEXPIRE', keys[i], STAY_MS) end
  return {'ok'}
end

-- KEYS: nodes until
local function list(keys)
  local out = {'ok'}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys[2], '(' .. string.format('%.0f', now_ms()), '+inf')) do
    out[#out + 1] = redis.call('HGET', keys[1], id)
  end
  return out
end

-- KEYS: nodes until   ARGV: id
local function leave(keys, args)
  drop(keys, args[1])
  return {'ok'}
end

redis.register_function{function_name = 'cuelight_nodes_announce_VERSION', callback = announce, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_nodes_list_VERSION', callback = list, flags = {'no-writes'}}
redis.register_function{function_name = 'cuelight_nodes_leave_VERSION', callback = leave, flags = {'allow-oom'}}
