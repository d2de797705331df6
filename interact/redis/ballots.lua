#!lua name=cuelight_ballots_VERSION

-- The answers to a cue, one shard of its participants. Keys:
--
--   tally  hash: n participants, c changes, s sealed, x when it ends (ms),
--          0 to 7 the counts by option, w written to be waited for
--   votes  hash: participant -> vote
--   past   hash: participant -> former votes, where answers may be changed
--
-- A vote is 8 bytes credited, 4 bytes received - credited, 2 bytes choice, 1 byte
-- changes, 4 bytes number in the shard, and the attempt, 8 bytes or none. A former
-- one is 8 bytes attempt, 8 bytes credited, 2 bytes choice, 1 byte changes.

local FORMER, MOST = 19, 100
-- What nobody touches and nobody lets go ends after KEEP ms. It is renewed when SLACK
-- of it is over, so that most writes need not.
local KEEP, SLACK = 90 * 24 * 3600 * 1000, 3600 * 1000
local OPTIONS = {'0', '1', '2', '3', '4', '5', '6', '7'}

local function head(tally)
  return redis.call('HMGET', tally, 'n', 's', 'x', 'c', unpack(OPTIONS))
end

-- count adds by to the count of every option of a choice.
local function count(h, choice, by)
  local option = 5
  while choice > 0 do
    if choice % 2 == 1 then
      h[option] = (tonumber(h[option]) or 0) + by
      choice = choice - 1
    end
    choice, option = choice / 2, option + 1
  end
end

-- keep lets keys end later unless when they end was said.
local function keep(h, keys)
  if h[3] then return end
  for _, key in ipairs(keys) do
    if redis.call('PTTL', key) < KEEP - SLACK then
      redis.call('PEXPIRE', key, KEEP)
    end
  end
end

-- store writes what has changed of a tally.
local function store(tally, votes, past, h)
  local set = {'n', h[1], 'c', h[4] or 0}
  for i = 5, 12 do
    if h[i] then
      set[#set + 1] = OPTIONS[i - 4]
      set[#set + 1] = h[i]
    end
  end
  redis.call('HSET', tally, unpack(set))
  if h[3] then
    redis.call('PEXPIREAT', votes, h[3])
    if past then
      redis.call('PEXPIREAT', past, h[3])
    end
  end
  keep(h, {tally, votes, past})
end

-- touch writes something, so that who waits for replicas waits for what was read.
local function touch(tally)
  redis.call('HSET', tally, 'w', '1')
end

-- cast counts votes of different participants, whose first ones count. args are
-- '1' to touch, the participants, and as many votes: the bytes of a vote up to the
-- number, or nothing for one that is refused. It returns how many participants
-- there were before, and then for each vote that is not new its place and the vote
-- that counts, empty if there is none.
local function cast(keys, args)
  local byte, pack = string.byte, struct.pack
  local tally, votes = keys[1], keys[2]
  local size = (#args - 1) / 2
  local held = redis.call('HMGET', votes, unpack(args, 2, size + 1))
  local h = head(tally)
  local before = tonumber(h[1]) or 0
  local n, sealed = before, h[2]
  local out, o, write, w, choices = {before}, 1, {}, 0, {}
  for i = 1, size do
    local had, vote = held[i], args[size + 1 + i]
    if had or sealed or vote == '' then
      out[o + 1], out[o + 2] = i, had or ''
      o = o + 2
    else
      n = n + 1
      write[w + 1], write[w + 2] = args[i + 1], vote .. pack('>I4', n)
      w = w + 2
      local choice = byte(vote, 14)
      choices[choice] = (choices[choice] or 0) + 1
    end
  end
  if w > 0 then
    redis.call('HSET', votes, unpack(write))
    for choice, k in pairs(choices) do
      count(h, choice, k)
    end
    h[1] = n
    store(tally, votes, nil, h)
  elseif args[1] == '1' and before > 0 then
    touch(tally)
  end
  return out
end

-- former finds an attempt among former votes and returns it as a vote, number and
-- all.
local function former(list, attempt, had)
  local sub = string.sub
  for at = 1, #list, FORMER do
    if sub(list, at, at + 7) == attempt then
      return sub(list, at + 8, at + 15) .. '\0\0\0\0' .. sub(list, at + 16, at + 18) .. sub(had, 16, 19) .. attempt
    end
  end
end

-- change counts votes one by one, where answers may be changed (args[2] is '1') or
-- participants come more than once. args are as for cast, but for that one and the
-- attempts, 8 bytes or none, as a third list. The reply is as that of cast; a place
-- that is negative says that the vote has changed the counts, and the vote 'T' that
-- the participant has no more attempts.
local function change(keys, args)
  local byte, sub, pack = string.byte, string.sub, struct.pack
  local tally, votes, past = keys[1], keys[2], keys[3]
  local changes = args[2] == '1'
  local size = (#args - 2) / 3
  local held = redis.call('HMGET', votes, unpack(args, 3, size + 2))
  local h = head(tally)
  local before = tonumber(h[1]) or 0
  local n, sealed, changed = before, h[2], false
  local out, o, now, lists, olds = {before}, 1, {}, {}, {}
  local function say(i, vote)
    out[o + 1], out[o + 2] = i, vote
    o = o + 2
  end
  for i = 1, size do
    local who, vote, attempt = args[i + 2], args[size + 2 + i], args[2 * size + 2 + i]
    local had = now[who] or held[i]
    if not had then
      if sealed or vote == '' then
        say(i, '')
      else
        n = n + 1
        now[who] = vote .. pack('>I4', n) .. attempt
        count(h, byte(vote, 14), 1)
        changed = true
      end
    elseif not changes or attempt == '' or sub(had, 20) == attempt then
      say(i, had)
    else
      local list = lists[who]
      if not list then
        list = redis.call('HGET', past, who) or ''
        lists[who] = list
      end
      local old = former(list, attempt, had)
      if old then
        say(i, old)
      elseif sealed or vote == '' then
        say(i, '')
      elseif #list / FORMER + 1 >= MOST then
        say(i, 'T')
      else
        local was = sub(had, 20)
        if was == '' then
          was = '\0\0\0\0\0\0\0\0'
        end
        lists[who] = list .. was .. sub(had, 1, 8) .. sub(had, 13, 15)
        olds[who] = true
        changed = true
        if sub(had, 13, 14) == sub(vote, 13, 14) then
          now[who] = sub(had, 1, 19) .. attempt
          say(i, now[who])
        else
          count(h, byte(had, 14), -1)
          count(h, byte(vote, 14), 1)
          h[4] = (tonumber(h[4]) or 0) + 1
          now[who] = sub(vote, 1, 14) .. string.char(byte(had, 15) + 1) .. sub(had, 16, 19) .. attempt
          say(-i, now[who])
        end
      end
    end
  end
  if changed then
    local write = {}
    for who, vote in pairs(now) do
      write[#write + 1] = who
      write[#write + 1] = vote
    end
    redis.call('HSET', votes, unpack(write))
    for who in pairs(olds) do
      redis.call('HSET', past, who, lists[who])
    end
    h[1] = n
    store(tally, votes, past, h)
  elseif args[1] == '1' and before > 0 then
    touch(tally)
  end
  return out
end

-- receipt returns the vote of a participant that counts, and touches.
local function receipt(keys, args)
  local vote = redis.call('HGET', keys[2], args[1])
  if vote then
    touch(keys[1])
  end
  return vote
end

-- tally returns participants, sealed, end, changes and the counts.
local function tally(keys, args)
  local h = head(keys[1])
  if args[1] == '1' and (h[1] or h[2]) then
    touch(keys[1])
  end
  return h
end

local function seal(keys, args)
  redis.call('HSET', keys[1], 's', '1')
  local h = head(keys[1])
  keep(h, keys)
  return h
end

-- expire lets all of it end after args[1] ms.
local function expire(keys, args)
  local after = tonumber(args[1])
  if after <= 0 then
    return redis.call('UNLINK', unpack(keys))
  end
  local time = redis.call('TIME')
  local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + after)
  redis.call('HSET', keys[1], 'x', at)
  for _, key in ipairs(keys) do
    redis.call('PEXPIREAT', key, at)
  end
  return 1
end

redis.register_function('cuelight_cast_VERSION', cast)
redis.register_function('cuelight_change_VERSION', change)
redis.register_function{function_name = 'cuelight_receipt_VERSION', callback = receipt, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_tally_VERSION', callback = tally, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_seal_VERSION', callback = seal, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_expire_VERSION', callback = expire, flags = {'allow-oom'}}
