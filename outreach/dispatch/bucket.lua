-- The account's token bucket, shared by every worker of every host.
-- KEYS[1] bucket   KEYS[2] hold (set while the provider asked for silence)
-- ARGV    rate (tokens a second), burst, wanted, least
-- Returns {granted, wait_ms}: `granted` tokens (0, or between `least` and `wanted`), else how long to wait for `least`.
local held = redis.call('PTTL', KEYS[2])
if held > 0 then return {0, held} end
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, least = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
-- A bucket that is missing counts as empty: a wiped Valkey never allows a burst.
local tokens, at = tonumber(stored[1] or '0'), tonumber(stored[2] or now)
-- A clock that went back a little waits for itself; one that jumped back starts anew from where it is.
if now > at then tokens = tokens + (now - at) * rate / 1000 elseif at - now < 1000 then now = at end
tokens = math.min(burst, tokens)
local granted = 0
if tokens >= least then granted = math.min(wanted, math.floor(tokens)) end
if granted < 0 then granted = 0 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - granted), 'at', now)
redis.call('PEXPIRE', KEYS[1], 86400000)
if granted > 0 then return {granted, 0} end
return {0, math.max(1, math.ceil((least - tokens) * 1000 / rate))}
