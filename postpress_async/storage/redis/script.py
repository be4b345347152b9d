"""The one script, and the bytes that go in and come out.

It reads all stamps before it writes anything: an error of the server (a full memory, a replica, a
missing permission) comes before the first write or not at all, so a batch is never half done. What
writes is SET alone, but where a value is deleted: that comes first.
"""

from __future__ import annotations

import struct
from hashlib import sha1
from string import Template
from typing import TYPE_CHECKING, Final, cast

from postpress_async.storage.remote.swaps import EARLY, LATE, LEAP, STAMP, TURN, Answer, Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.remote.swaps import Swap

__all__ = ["SCRIPT", "SHA", "packed", "unpacked"]

EPOCH: Final = 16  # bytes of the name of a store, which is another one once all was flushed
NO_TIME: Final = "NOTIME"
NOT_OURS: Final = "NOTOURS"  # of another length than ours: a newer version's, or another program's

SCRIPT: Final = Template("""
-- KEYS: the store's own time, whose turn it is, then images.
-- ARGV: packed as `packed` does; times that are not given are negative.
local unpack = struct.unpack
local who, fresh, given, expected, strict, count, pos = unpack('>c8c16ddBH', ARGV[1])
local looks = strict == 2 -- somebody looks whether it could, and leaves nothing
strict = strict == 1
local swaps = {}
for n = 1, count do
  local swap, seen, writes = {seen = {}, writes = {}}
  swap.now, swap.urgent, seen, writes, pos = unpack('>dBHH', ARGV[1], pos)
  for s = 1, 2 * seen, 2 do
    swap.seen[s], swap.seen[s + 1], pos = unpack('>HBc0', ARGV[1], pos)
  end
  for w = 1, 2 * writes, 2 do
    local size
    swap.writes[w], size, pos = unpack('>Hi4', ARGV[1], pos)
    swap.writes[w + 1] = size >= 0 and string.sub(ARGV[1], pos, pos + size - 1)
    pos = pos + math.max(size, 0)
  end
  swaps[n] = swap
end
local EARLY, LATE, LEAP, TURN, DAY = $EARLY, $LATE, $LEAP, $TURN, 86400

-- The server's time: its clock; where that was set back, the time goes on from the last note of it,
-- which is at most a second old, at the clock's pace. `skew` is what is added since then. Where it
-- was set forward, which those can tell who have asked before, it goes on as well, and `skew` is
-- negative; but nobody takes back what was told since. What was no leap after all, but slept
-- through by who told of it, stays: what was counted meanwhile would be older at once.
local raw = given
if raw < 0 then
  local time = redis.pcall('TIME')
  if time.err then return redis.error_reply('$NO_TIME ' .. time.err) end
  raw = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
local function read(key) -- or return what is wrong
  local value = redis.pcall('GET', key)
  if type(value) ~= 'table' then return value end
  if not string.find(value.err, 'WRONGTYPE', 1, true) then return nil, value end
  return nil, redis.error_reply('$NOT_OURS ' .. key)
end
local meta, odd = read(KEYS[1])
if odd then return odd end
if meta and #meta ~= $EPOCH + 16 then return redis.error_reply('$NOT_OURS ' .. KEYS[1]) end
local epoch, last, skew, noted = fresh, raw, 0, false
if meta then
  epoch = string.sub(meta, 1, $EPOCH)
  last, skew = unpack('>dd', meta, $EPOCH + 1)
else
  noted = true
end
if skew > 0 and raw >= last then skew = 0 end -- it was set right again
local now = math.max(raw + skew, last)
if expected >= 0 and now > expected + LEAP and (noted or last <= expected + LEAP) then
  now = noted and expected or math.max(expected, last)
  noted = true
end
noted = noted or now == last or now - last >= 1

local stamps = {}
for i = 3, #KEYS do
  local stamp = redis.pcall('GETRANGE', KEYS[i], 0, $STAMP - 1)
  if type(stamp) == 'table' and not string.find(stamp.err, 'WRONGTYPE', 1, true) then
    return stamp
  end
  stamps[i] = type(stamp) == 'string' and stamp
end

-- Values may be ahead of a time that was lost with its note: then it goes on from theirs.
if strict then
  for _, swap in ipairs(swaps) do
    if swap.now > now + EARLY then
      for s = 1, #swap.seen, 2 do
        local i = swap.seen[s]
        if stamps[i] and #stamps[i] == $STAMP and stamps[i] == swap.seen[s + 1] then
          local time = redis.call('GETRANGE', KEYS[i], $STAMP, $STAMP + 7)
          if #time == 8 then
            time = math.abs((unpack('>d', time)))
            if time > now and time < now + DAY then
              now = time
              noted = true
            end
          end
        end
      end
    end
  end
end

local turn, strange = read(KEYS[2])
if strange then return strange end
local holder, kept = nil, {}
if turn == '' then turn = false end -- it is over
if turn then
  holder = string.sub(turn, 1, #who)
  for key in string.gmatch(string.sub(turn, #who + 1), '[^\\n]+') do kept[key] = true end
end

local fates, new, refused, taken, served = {}, {}, {}, nil, false
for n, swap in ipairs(swaps) do
  local at, seen, writes, fate = swap.now, swap.seen, swap.writes, 'd'
  for s = 1, #seen, 2 do
    local i = seen[s]
    if stamps[i] ~= seen[s + 1] then
      fate = 'c'
      break
    elseif holder and holder ~= who and kept[KEYS[i]] then
      fate = 'u'
    end
  end
  if fate == 'd' and strict and (at > now + EARLY or at < now - LATE) then fate = 't' end
  if fate == 'd' then
    for w = 1, #writes, 2 do
      local i, value = writes[w], writes[w + 1]
      new[i] = value
      stamps[i] = value and string.sub(value, 1, $STAMP) or ''
    end
    for s = 1, #seen, 2 do
      if holder == who and kept[KEYS[seen[s]]] then served = true end
    end
  else
    for s = 1, #seen, 2 do refused[seen[s]] = seen[s + 1] end
    if swap.urgent == 1 and not holder and not taken then
      taken = {who}
      for s = 1, #seen, 2 do taken[#taken + 1] = KEYS[seen[s]] .. '\\n' end
    end
  end
  fates[n] = fate
end

if looks then
  redis.call('GETRANGE', KEYS[1], 0, 0)
  if not turn then -- what may not be written is found, and nobody is in the way
    redis.call('SET', KEYS[2], who, 'PX', 1000)
    redis.call('DEL', KEYS[2])
  end
end
for i, value in pairs(new) do
  if not value then redis.call('DEL', KEYS[i]) end
end
if noted and not looks then
  redis.call('SET', KEYS[1], epoch .. struct.pack('>dd', now, now - raw))
end
for i, value in pairs(new) do
  if value then redis.call('SET', KEYS[i], value) end
end
if taken then
  redis.call('SET', KEYS[2], table.concat(taken), 'PX', TURN)
elseif served then
  redis.call('SET', KEYS[2], '', 'PX', 1)
end

local out = {struct.pack('>dd', now, now - raw), epoch, table.concat(fates)}
for i, stamp in pairs(refused) do
  if stamps[i] ~= stamp and new[i] == nil then
    local value = stamps[i] and redis.call('GET', KEYS[i])
    local size = value and #value or (stamps[i] and -1 or 0)
    out[#out + 1] = struct.pack('>Hi4', i, size)
    out[#out + 1] = value or ''
  end
end
return table.concat(out)
""").substitute(
    EARLY=EARLY,
    LATE=LATE,
    LEAP=LEAP,
    TURN=int(TURN * 1000),
    EPOCH=EPOCH,
    STAMP=STAMP,
    NO_TIME=NO_TIME,
    NOT_OURS=NOT_OURS,
)
SHA: Final = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

_FATES: Final[dict[int, Fate]] = {
    ord("d"): "done", ord("c"): "changed", ord("t"): "time", ord("u"): "turn",
}  # fmt: skip
_FIRST: Final = 3  # of the images among the script's keys, counted from one
_NOW: Final = struct.Struct(">dd")
_VALUE: Final = struct.Struct(">Hi")
_HEAD: Final = struct.Struct(f">8s{EPOCH}sddBH")
_SWAP: Final = struct.Struct(">dBHH")
_SEEN: Final = struct.Struct(">HB")


def packed(
    swaps: Sequence[Swap],
    *,
    who: str,
    fresh: bytes,
    strict: bool,
    given: float | None,
    expected: float | None = None,
    looks: bool = False,
) -> tuple[list[str], bytes]:
    """Return the images' keys that swaps name, and the script's argument.

    Args:
        swaps: what to do.
        who: this process.
        fresh: names the store if it is a new one.
        strict: whether swaps of another time are refused.
        given: the server's time, for one that tells none to scripts.
        expected: as in `Server.swap`.
        looks: whether nothing is to be left behind; without swaps.
    """
    places: dict[str, int] = {}
    times = [-1.0 if one is None else one for one in (given, expected)]
    parts = [_HEAD.pack(who.encode(), fresh, *times, 2 if looks else strict, len(swaps))]
    for swap in swaps:
        parts.append(_SWAP.pack(swap.now, swap.urgent, len(swap.seen), len(swap.writes)))
        for key, stamp in swap.seen:
            place = places.setdefault(key, len(places) + _FIRST)
            parts += (_SEEN.pack(place, len(stamp)), stamp)
        for key, value in swap.writes:
            place = places.setdefault(key, len(places) + _FIRST)
            if value is None:
                parts.append(_VALUE.pack(place, -1))
            else:
                parts += (_VALUE.pack(place, len(value)), value)
    return list(places), b"".join(parts)


def unpacked(reply: bytes, *, keys: Sequence[str], swaps: int, run: str) -> Answer:
    """Read the script's reply.

    Args:
        reply: what it returned.
        keys: the images' keys, as they were packed.
        swaps: how many there were.
        run: names the server's run.

    Raises:
        ValueError: it is none.
    """
    start = _NOW.size + EPOCH + swaps
    if len(reply) < start:
        raise ValueError("too short")
    fates: tuple[Fate, ...] = tuple([_FATES[one] for one in reply[_NOW.size + EPOCH : start]])
    values: dict[str, bytes | None] = {}
    while start < len(reply):
        place, size = cast("tuple[int, int]", _VALUE.unpack_from(reply, start))
        start += _VALUE.size
        values[keys[place - _FIRST]] = None if size < 0 else reply[start : start + size]
        start += max(size, 0)
    now, lead = _NOW.unpack_from(reply)
    epoch = reply[_NOW.size : _NOW.size + EPOCH].hex()
    return Answer(identity=f"{run}/{epoch}", now=now, lead=lead, fates=fates, values=values)
