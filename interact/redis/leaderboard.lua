#!lua name=cuelight_leaderboard_VERSION

-- Points of a show, one shard of its participants. Keys:
--
--   board  sorted set: participant by points, the sign turned, so that those with
--          the most points, and of them the first by name, come first
--   given  hash: cue/participant -> points for one cue
--
-- Both end at the same time: what was given for a cue is known as long as the sum
-- is that it is part of.

-- give gives participants points for a cue, in the place of what they had for it,
-- and keeps what there is. args are for how long (ms), the cue, then participant
-- and points.
local function give(keys, args)
  local board, given, keep, cue = keys[1], keys[2], args[1], args[2]
  local fields, set = {}, {}
  for i = 3, #args, 2 do
    fields[#fields + 1] = cue .. '/' .. args[i]
  end
  if #fields > 0 then
    local had = redis.call('HMGET', given, unpack(fields))
    for i, field in ipairs(fields) do
      local participant, points = args[2 * i + 1], args[2 * i + 2]
      if had[i] ~= points then
        redis.call('ZINCRBY', board, (tonumber(had[i]) or 0) - tonumber(points), participant)
        set[#set + 1], set[#set + 2] = field, points
      end
    end
  end
  if #set > 0 then
    redis.call('HSET', given, unpack(set))
  end
  -- Who waits for replicas waits for what was read: this writes in any case.
  redis.call('PEXPIRE', board, keep)
  redis.call('PEXPIRE', given, keep)
  return #set / 2
end

-- expire lets all of it end after args[1] ms.
local function expire(keys, args)
  if tonumber(args[1]) <= 0 then
    return redis.call('UNLINK', unpack(keys))
  end
  redis.call('PEXPIRE', keys[1], args[1])
  return redis.call('PEXPIRE', keys[2], args[1])
end

redis.register_function('cuelight_give_VERSION', give)
redis.register_function{function_name = 'cuelight_unboard_VERSION', callback = expire, flags = {'allow-oom'}}
