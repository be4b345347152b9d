"""Clocks of real servers, set by hand: the servers' code reads these in place of their own."""

from postpress_async.storage.postgres.statements import migrations
from postpress_async.storage.redis import script, server

_MOVED = """(function()
  local time = redis.call('TIME')
  return {time[1] + redis.call('GET', 'moved'), time[2]}
end)()"""


def clock_of_valkey(monkeypatch, valkey):
    """Return what sets the clock that the script reads, as seconds beside the true one."""
    text = script.SCRIPT.replace("redis.pcall('TIME')", _MOVED)
    assert text != script.SCRIPT
    monkeypatch.setattr(server, "SCRIPT", text)
    monkeypatch.setattr(server, "SHA", script.sha1(text.encode()).hexdigest())
    valkey.ask("SET", "moved", 0)
    return lambda seconds: valkey.ask("SET", "moved", seconds)


class StandingClock:
    """Be a PostgreSQL's clock, moved by hand: a table in place of `clock_timestamp()`."""

    expression = "(SELECT moment FROM {schema}.clock)"

    def __init__(self, execute, schema):
        self.execute, self.schema = execute, schema

    async def make(self):
        """Make the schema and the clock; return what, once the tables are made, lets it be read."""
        await self.execute("CREATE SCHEMA {schema}")
        await self.execute("CREATE TABLE {schema}.clock AS SELECT now() AS moment, 0.0 AS beside")
        swapping = migrations(self.schema, self.expression.format(schema=self.schema))[0]
        return swapping[swapping.index("CREATE OR REPLACE FUNCTION") :]

    async def move(self, seconds):
        """Move it on, or back."""
        await self.execute(f"UPDATE {{schema}}.clock SET moment = moment + interval '{seconds} s'")


class GoingClock(StandingClock):
    """Be a clock that goes, beside the true one."""

    expression = "(SELECT clock_timestamp() + beside * interval '1 s' FROM {schema}.clock)"

    async def move(self, seconds):
        """Set it to so many seconds beside the true one."""
        await self.execute(f"UPDATE {{schema}}.clock SET beside = {seconds}")
