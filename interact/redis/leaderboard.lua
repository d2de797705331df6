#!lua name=cuelight_leaderboard_VERSION

-- Points of a show, one shard of its participants. Keys:
--
--   board  sorted set: participant by points, the sign turned, so that those with
--          the most points, and of them the first by name, come first
--   cue    hash: participant -> points for one cue

-- add gives participants points for a cue, in the place of what they had for it.
-- args are when all of it ends (ms from now, '0' for never), then participant and
-- points.
local function add(keys, args)
  local board, cue = keys[1], keys[2]
  local who = {}
  for i = 2, #args, 2 do
    who[#who + 1] = args[i]
  end
  local had, set = redis.call('HMGET', cue, unpack(who)), {}
  for i, participant in ipairs(who) do
    local points = args[2 * i + 1]
    if had[i] ~= points then
      redis.call('ZINCRBY', board, (tonumber(had[i]) or 0) - tonumber(points), participant)
      set[#set + 1], set[#set + 2] = participant, points
    end
  end
  if #set > 0 then
    redis.call('HSET', cue, unpack(set))
  else
    redis.call('ZINCRBY', board, 0, who[1]) -- who waits for replicas waits for what was read
  end
  if args[1] ~= '0' then
    redis.call('PEXPIRE', board, args[1])
    redis.call('PEXPIRE', cue, args[1])
  end
  return #set / 2
end

redis.register_function('cuelight_add_VERSION', add)
