#!lua name=cuelight_lease_VERSION

-- A lease is a hash that expires, and a counter of fences that stays longer: what it
-- guards against is a clock that has gone back.

local FENCE_MS = 90 * 24 * 3600 * 1000

-- KEYS: lease fence   ARGV: owner ttl-ms
-- A fence is the server's time in µs if that is higher than the last one, so that
-- fences ascend although the counter may be lost with a server.
local function acquire(keys, args)
  local held = redis.call('HMGET', keys[1], 'owner', 'fence')
  if held[1] and held[1] ~= args[1] then return {'held', held[1], held[2]} end
  local t = redis.call('TIME')
  local fence = math.max(tonumber(t[1]) * 1000000 + tonumber(t[2]), tonumber(redis.call('GET', keys[2]) or '0') + 1)
  local text = string.format('%.0f', fence)
  redis.call('SET', keys[2], text, 'PX', FENCE_MS)
  redis.call('HSET', keys[1], 'owner', args[1], 'fence', text)
  redis.call('PEXPIRE', keys[1], args[2])
  return {'ok', text}
end

local function holds(key, owner, fence)
  local held = redis.call('HMGET', key, 'owner', 'fence')
  return held[1] == owner and held[2] == fence
end

-- KEYS: lease   ARGV: owner fence ttl-ms
local function renew(keys, args)
  if not holds(keys[1], args[1], args[2]) then return {'lost'} end
  redis.call('PEXPIRE', keys[1], args[3])
  return {'ok'}
end

-- KEYS: lease   ARGV: owner fence
local function release(keys, args)
  if holds(keys[1], args[1], args[2]) then redis.call('DEL', keys[1]) end
  return {'ok'}
end

-- KEYS: lease
local function holder(keys)
  local held = redis.call('HMGET', keys[1], 'owner', 'fence')
  if not held[1] then return {'free'} end
  return {'ok', held[1], held[2]}
end

redis.register_function{function_name = 'cuelight_lease_acquire_VERSION', callback = acquire, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_lease_renew_VERSION', callback = renew, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_lease_release_VERSION', callback = release, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_lease_holder_VERSION', callback = holder, flags = {'no-writes'}}
