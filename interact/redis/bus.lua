#!lua name=cuelight_bus_VERSION

-- Posts of one channel: a hash that says where the numbering is, a stream of the
-- kept posts with the id n-0, the latest snapshot, and the names of posts of
-- which there is only one. Every function touches keys of one channel.

local KEEP, MOST, KEEP_MS = 2048, 16384, 300000
local ONCES, AGAIN = 16384, 1024
local CALL_S = 600
-- What is of a channel that nobody follows ends after KEEP ms. That is renewed when
-- SLACK of it is over.
local KEEP, SLACK = 90 * 24 * 3600 * 1000, 3600 * 1000

local function num(n) return string.format('%.0f', n) end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- keep lets keys end together, later than they would.
local function keep(keys, first, last)
  local due = false
  for i = first, last do
    local left = redis.call('PTTL', keys[i])
    due = due or left ~= -2 and left < KEEP - SLACK
  end
  for i = first, due and last or 0 do redis.call('PEXPIRE', keys[i], KEEP) end
end

-- begun returns where the numbering is and begins one called name if there is
-- none.
local function begun(bus, name)
  local m = redis.call('HMGET', bus, 'epoch', 'n', 'offset', 'fence', 'tip', 'expires')
  if m[1] then
    return {epoch = m[1], n = tonumber(m[2]), offset = tonumber(m[3]), fence = tonumber(m[4]), tip = m[5], expires = m[6]}
  end
  redis.call('HSET', bus, 'epoch', name, 'n', '0', 'offset', '0', 'fence', '0', 'tip', '-')
  redis.call('PEXPIRE', bus, KEEP)
  return {epoch = name, n = 0, offset = 0, fence = 0, tip = '-'}
end

-- trim drops what need not be kept. It reads one entry for each it drops, and
-- drops no more than a few for each that was added.
local function trim(posts, added, now)
  for _ = 1, 2 * added + 2 do
    local len = redis.call('XLEN', posts)
    if len <= KEEP then return end
    if len <= MOST then
      local first = redis.call('XRANGE', posts, '-', '+', 'COUNT', 1)[1]
      local at = tonumber(first[2][4]) or 0
      if at > now - KEEP_MS then return end
    end
    redis.call('XTRIM', posts, 'MAXLEN', len - 1)
  end
end

-- wording is the text of a post.
local function wording(epoch, n, offset, reach, tip, before, once, data)
  return 'P ' .. epoch .. ' ' .. num(n) .. ' ' .. num(offset) .. ' ' .. reach .. ' ' .. tip .. ' ' .. before .. ' ' .. once .. '\n' .. data
end

-- KEYS: bus posts snapshot once call
-- A call that came before, and is sent again, changes nothing.
-- ARGV: live fence nonce has-snapshot snapshot, then reach once data for each post
local function post(keys, args)
  local bus, posts, snapshot, once, call = keys[1], keys[2], keys[3], keys[4], keys[5]
  local live, fence, nonce = args[1], tonumber(args[2]), args[3]
  if redis.call('EXISTS', call) == 1 then
    redis.call('EXPIRE', call, CALL_S)
    return {'ok'}
  end
  local b = begun(bus, nonce)
  if fence > 0 and fence < b.fence then return {'fenced'} end
  local now, added, says = now_ms(), 0, {}
  for i = 6, #args, 3 do
    local reach, name, data = args[i], args[i + 1], args[i + 2]
    if name == '-' or redis.call('ZADD', once, 'NX', now, name) == 1 then
      added, b.n = added + 1, b.n + 1
      local offset = 0
      if reach == '1' then
        b.offset = b.offset + 1
        offset = b.offset
      end
      local tip = nonce .. '.' .. added
      local m = wording(b.epoch, b.n, offset, reach, tip, b.tip, name, data)
      redis.call('XADD', posts, num(b.n) .. '-0', 'm', m, 't', num(now))
      b.tip, says[added] = tip, m
    end
  end
  redis.call('HSET', bus, 'n', num(b.n), 'offset', num(b.offset), 'tip', b.tip, 'fence', num(math.max(fence, b.fence)))
  if args[4] == '1' then
    redis.call('HSET', snapshot, 'epoch', b.epoch, 'n', num(b.n), 'offset', num(b.offset), 'data', args[5])
  end
  redis.call('SET', call, '1', 'EX', CALL_S)
  trim(posts, added, now)
  redis.call('ZREMRANGEBYRANK', once, 0, -ONCES - 1)
  if b.expires then redis.call('HDEL', bus, 'expires') end
  keep(keys, 1, 4)
  for i = 1, added do redis.call('SPUBLISH', live, says[i]) end
  return {'ok'}
end

-- KEYS: bus snapshot   ARGV: nonce
local function snapshot(keys, args)
  local b = begun(keys[1], args[1])
  local s = redis.call('HMGET', keys[2], 'epoch', 'n', 'offset', 'data')
  if s[1] ~= b.epoch then
    return {b.epoch, '0', '0', s[4] or ''}
  end
  return {b.epoch, s[2], s[3], s[4]}
end

-- anew ends a numbering of which somebody has heard what is not kept. What is kept
-- after the snapshot is numbered again under another name.
local function anew(keys, b, live, name)
  local bus, posts, snapshot = keys[1], keys[2], keys[3]
  local s = redis.call('HMGET', snapshot, 'epoch', 'n')
  local from = math.max(s[1] == b.epoch and tonumber(s[2]) or 0, b.n - AGAIN)
  local kept = redis.call('XRANGE', posts, num(from + 1) .. '-0', '+')
  redis.call('UNLINK', posts)
  local n, offset, tip = 0, 0, '-'
  for _, e in ipairs(kept) do
    local m, t = e[2][2], e[2][4]
    local reach, own, once = string.match(m, '^P %S+ %S+ %S+ (%S+) (%S+) %S+ (%S+)')
    n = n + 1
    if reach == '1' then offset = offset + 1 end
    local data = string.sub(m, string.find(m, '\n', 1, true) + 1)
    local text = wording(name, n, reach == '1' and offset or 0, reach, own, tip, once, data)
    redis.call('XADD', posts, num(n) .. '-0', 'm', text, 't', t)
    tip = own
  end
  redis.call('HSET', bus, 'epoch', name, 'n', num(n), 'offset', num(offset), 'tip', tip)
  if s[1] then redis.call('HSET', snapshot, 'epoch', name, 'n', '0', 'offset', '0') end
  local left = redis.call('PTTL', bus) -- as all of it
  if left > 0 then redis.call('PEXPIRE', posts, left) end
  redis.call('SPUBLISH', live, 'F ' .. name .. '\n')
end

-- tip_of returns the tip of a kept post, nil if it is not kept.
local function tip_of(posts, n)
  local id = num(n) .. '-0'
  local found = redis.call('XRANGE', posts, id, id)[1]
  return found and string.match(found[2][2], '^P %S+ %S+ %S+ %S+ (%S+) ')
end

-- KEYS: bus posts snapshot   ARGV: live nonce epoch after tip limit
-- What was posted after a place, for one who has heard the post there by the name
-- tip, or knows no tip.
local function look(keys, args)
  local bus, posts, live, nonce, epoch = keys[1], keys[2], args[1], args[2], args[3]
  local after, tip = tonumber(args[4]), args[5]
  local b = begun(bus, nonce)
  if epoch ~= '' and epoch ~= b.epoch then return {'lost'} end
  if after > b.n and tip == '' then return {'lost'} end
  if tip ~= '' then
    local there = b.tip
    if after < b.n then there = tip_of(posts, after) end
    if after > b.n or there and there ~= tip then
      anew(keys, b, live, nonce)
      return {'lost'}
    end
  end
  local out = {'ok', b.epoch, num(b.n), num(b.offset)}
  if after < b.n then
    for i, e in ipairs(redis.call('XRANGE', posts, num(after + 1) .. '-0', '+', 'COUNT', args[6])) do
      out[4 + i] = e[2][2]
    end
  end
  return out
end

-- KEYS: bus posts snapshot once   ARGV: live ms
local function expire(keys, args)
  if args[2] == '0' then
    redis.call('UNLINK', keys[1], keys[2], keys[3], keys[4])
    redis.call('SPUBLISH', args[1], 'F -\n')
  elseif redis.call('EXISTS', keys[1]) == 1 then
    redis.call('HSET', keys[1], 'expires', '1')
    for i = 1, 4 do redis.call('PEXPIRE', keys[i], args[2]) end
  end
  return {'ok'}
end

-- KEYS: bus posts snapshot once, log:meta log log:base, links used
-- The channel is followed: nothing of it ends, but what was said to.
local function stay(keys)
  if not redis.call('HGET', keys[1], 'expires') then keep(keys, 1, 4) end
  if not redis.call('HGET', keys[5], 'expires') then keep(keys, 5, 7) end
  keep(keys, 8, 9)
  return {'ok'}
end

redis.register_function('cuelight_bus_post_VERSION', post)
redis.register_function{function_name = 'cuelight_bus_stay_VERSION', callback = stay, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_bus_snapshot_VERSION', callback = snapshot, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_bus_look_VERSION', callback = look, flags = {'allow-oom'}}
redis.register_function{function_name = 'cuelight_bus_expire_VERSION', callback = expire, flags = {'allow-oom'}}
