"""A look-back for campaigns: what was sent is looked for where it would be, over the client."""

from datetime import UTC, datetime, timedelta

from postpress_async.outbox import contents
from postpress_async.outbox.matching import Wanted, in_messages, invited, related
from postpress_async.outbox.protocol import Absent, Nowhere, Terms, two_looks


class Looking:
    """Look for items in the account's messages, invitations and relations."""

    def __init__(self, client, store, clock, terms=None):
        self._client = client
        self._store = store
        self._clock = clock
        self._terms = terms or Terms()

    async def look(self, row, /, *, attempts, quiet):
        started = attempts[-1].started_at if attempts else row.created_at
        first = await self._once(row, started)
        if not quiet or not isinstance(first, Absent):
            return first
        begun = self._clock.monotonic()
        await self._clock.sleep(self._terms.apart + 1.0)
        second = await self._once(row, started)
        apart = self._clock.monotonic() - begun
        return two_looks(first, second, apart=apart, terms=self._terms)

    async def _once(self, row, started):
        account, now = row.account_id, self._clock.time()
        match contents.decode(row.body):
            case contents.Invite(provider_id=person):
                sent = [one async for one in self._client.invitations.sent(account_id=account)]
                names = [one.id for one in sent if one.id is not None]
                bound = await self._store.bound(account, names)
                found = invited(sent, person, bound=bound)
                if not isinstance(found, Absent):
                    return found
                walk = self._client.users.relations(account_id=account)
                return related([one async for one in walk], person)
            case contents.MessageContent() | contents.StartChat():
                since = datetime.fromtimestamp(started, UTC) - timedelta(seconds=120)
                walk = self._client.messages.list(account_id=account, after=since)
                read = [one async for one in walk]
                names = [one.id for one in read if one.id is not None]
                bound = await self._store.bound(account, names)
                wanted = Wanted(
                    text_digest=row.text_digest, loose_digest=row.loose_digest, started_at=started
                )
                return in_messages(read, wanted, bound=bound, now=now)
        return Nowhere(reason="nothing to read")
