#!lua name=cuelight_links_VERSION

-- Who owns the one-time links of a channel. Keys:
--
--   links  hash: link -> participant
--   used   sorted set: link by when it was first used, so that the oldest can go

-- Both end KEEP ms after a link was last used for the first time, or the channel was
-- last followed.
local KEEP = 90 * 24 * 3600 * 1000

-- use makes args[2] the owner of link args[1] unless it has one, and returns the
-- owner. args[3] links are remembered; args[4] is '1' to write something where
-- there is one already, so that who waits for replicas waits for what was read.
local function use(keys, args)
  local owner = redis.call('HGET', keys[1], args[1])
  if owner then
    if args[4] == '1' then
      redis.call('HSET', keys[1], args[1], owner)
    end
    return owner
  end
  local time = redis.call('TIME')
  redis.call('HSET', keys[1], args[1], args[2])
  redis.call('ZADD', keys[2], time[1], args[1])
  local over = redis.call('ZCARD', keys[2]) - tonumber(args[3])
  if over > 0 then
    local gone = redis.call('ZPOPMIN', keys[2], math.min(over, 10))
    for i = 1, #gone, 2 do
      redis.call('HDEL', keys[1], gone[i])
    end
  end
  for i = 1, 2 do redis.call('PEXPIRE', keys[i], KEEP) end
  return args[2]
end

redis.register_function('cuelight_use_VERSION', use)
