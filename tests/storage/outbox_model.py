"""What an outbox should do, said in a few lines of Python: slow, and easy to believe."""

OPEN = {"held", "queued", "claimed", "sending", "unknown"}
OUT = {"claimed", "sending", "unknown"}


class Item:
    def __init__(self, serial, new):
        self.serial, self.new = serial, new
        self.state = "held" if new.hold else "queued"
        self.fence = self.attempts = 0
        self.retry_at = self.deadline = self.lease = self.owner = self.look_at = None
        self.due_at, self.priority = new.due_at, new.priority
        self.quiet_at = self.result_id = None
        self.reaches = []  # of each attempt
        self.needs_decision = False
        self.body, self.digest, self.recipient = new.body, new.digest, new.recipient
        self.tombstone, self.person = new.tombstone, new.person
        self.expires_at = new.expires_at

    @property
    def lane(self):
        return self.new.account_id, self.new.action

    @property
    def order(self):
        return self.due_at, self.serial


class Model:
    def __init__(self):
        self.items = {}
        self.lanes = {}
        self.tombstones = set()
        self.now = 0.0

    def of(self, *states):
        return [item for item in self.items.values() if item.state in states]

    def add(self, new):
        if {new.tombstone, new.person} & self.tombstones:
            return "forgotten", None
        for item in self.items.values():
            if item.new.key == new.key:
                return ("same" if item.digest == new.digest else "conflict"), item
        for item in self.items.values():
            open_one = item.state in OPEN and item.new.kind == new.kind == "invite"
            same = (item.new.account_id, item.new.thread) == (new.account_id, new.thread)
            if open_one and same:
                return "conflict", item
        item = self.items[new.id] = Item(1 + len(self.items), new)
        return "new", item

    def heads(self):
        """Return what may be claimed now: at most one item of each thread."""
        for item in self.of("queued", "held"):
            if item.expires_at is not None and item.expires_at <= self.now:
                item.state = "expired"
        threads = {}
        for item in self.of("queued"):
            if item.due_at <= self.now:
                threads.setdefault(item.new.thread, []).append(item)
        out = {item.new.thread for item in self.of(*OUT)}
        heads = [min(items, key=lambda item: item.order) for items in threads.values()]
        return [
            head
            for head in heads
            if head.new.thread not in out
            and (head.retry_at is None or head.retry_at <= self.now)
            and self.lanes.get(head.lane, 0.0) <= self.now
        ]

    def going(self, account):
        """Return what is out, or goes by itself sooner or later."""
        doubts = {i.new.thread for i in self.of("unknown") if i.needs_decision}
        mine = [i for i in self.items.values() if account in {None, i.new.account_id}]
        return [
            item for item in mine
            if item.state in {"claimed", "sending"}
            or (item.state == "unknown" and not item.needs_decision)
            or (item.state == "queued" and item.new.thread not in doubts)
        ]  # fmt: skip

    def claimed(self, item, owner, lease):
        item.state, item.owner, item.lease = "claimed", owner, self.now + lease
        item.fence += 1
        item.retry_at = item.deadline = None

    def mark(self, item, fence, seconds, reach):
        if item.state != "claimed" or item.fence != fence:
            return False
        item.state, item.deadline = "sending", self.now + seconds
        item.quiet_at = item.deadline + reach.total + reach.held
        item.reaches.append(reach)
        item.attempts += 1
        return True

    def to(self, item, finish):
        bound = {(i.new.account_id, _sort(i.new), i.result_id) for i in self.items.values()}
        own = (item.new.account_id, _sort(item.new), finish.result_id)
        doubt = finish.result_id not in (None, item.result_id) and own in bound
        state = "unknown" if doubt else finish.state
        gone = {item.tombstone, item.person} & self.tombstones
        if state in {"queued", "held"} and gone:
            state = "cancelled"
        item.state, item.owner, item.lease = state, None, None
        item.retry_at = finish.retry_at if finish.state == "queued" and not doubt else None
        if finish.state == "queued" and finish.due_at is not None:
            item.due_at = finish.due_at
        item.look_at = None
        if state == "unknown":
            item.look_at = self.now if finish.look_at is None or doubt else finish.look_at
        item.needs_decision = True if doubt else finish.needs_decision
        if finish.result_id is not None and not doubt:
            item.result_id = finish.result_id
        if not finish.keep_attempt and item.deadline is not None and not doubt:
            item.attempts -= 1
        if finish.lane_ready_at is not None and not doubt:
            self.lanes[item.lane] = max(self.lanes.get(item.lane, 0.0), finish.lane_ready_at)

    def finish(self, item, fence, finish):
        if item.state not in OUT or item.fence != fence:
            return False
        self.to(item, finish)
        return True

    def late(self, *, certain):
        unknown = []
        for item in self.of("claimed"):
            if item.lease <= self.now:
                item.state, item.owner, item.lease = "queued", None, None
        for item in [] if certain else self.of("sending"):
            if item.quiet_at <= self.now:
                self.doubt(item)
                unknown.append(item)
        return unknown

    def doubt(self, item):
        item.state, item.owner, item.lease, item.look_at = "unknown", None, None, self.now

    def dead(self, owner):
        unknown = []
        for item in list(self.items.values()):
            if item.owner != owner:
                continue
            item.owner = item.lease = None
            if item.state == "claimed":
                item.state = "queued"
            elif item.state == "sending":
                self.doubt(item)
                unknown.append(item)
        return unknown

    def left(self, owner):
        for item in self.items.values():
            if item.owner == owner and item.state in {"claimed", "unknown"}:
                item.state = "queued" if item.state == "claimed" else "unknown"
                item.owner = item.lease = None

    def doubtful(self, account=None):
        return [
            item
            for item in self.of("unknown")
            if not item.needs_decision
            and account in {None, item.new.account_id}
            and item.look_at <= self.now
            and (item.lease is None or item.lease <= self.now)
        ]

    def cancel(self, chosen):
        count = 0
        for item in self.of("held", "queued", "claimed"):
            if chosen(item):
                item.state, item.owner, item.lease = "cancelled", None, None
                item.fence += 1
                count += 1
        return count

    def forget(self, recipient, tombstone):
        self.tombstones.add(tombstone)
        theirs = [
            item for item in self.items.values()
            if item.recipient == recipient or item.person == tombstone
        ]  # fmt: skip
        count = self.cancel(lambda item: item in theirs)
        for item in theirs:
            item.recipient, item.body, item.tombstone, item.person = None, b"", tombstone, b""
        return count


def _sort(new):
    """Return what an item's result is: a message is one, whether it began its chat or not."""
    return "message" if new.kind == "start_chat" else new.kind
