"""What guards decide about messages, without any service."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from postpress_async.models import Message
from postpress_async.outbox import digests
from postpress_async.outbox.guards import newest, strangers

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def said(seconds=0.0, *, own=False, **more):
    at = None if seconds is None else (NOW + timedelta(seconds=seconds)).isoformat()
    return Message(timestamp=at, is_sender=int(own), **{"id": "m", "text": "Hi", **more})


def row(text, result_id=None):
    return SimpleNamespace(text_digest=digests.digest(text), result_id=result_id)


@pytest.mark.parametrize(
    ("messages", "own", "at"),
    [
        ([], False, None),
        ([said(-1)], False, None),
        ([said(0)], False, 0),
        ([said(5), said(9), said(7)], False, 9),
        ([said(5, own=True)], False, None),
        ([said(5, own=True)], True, 5),
        ([said(5)], True, None),
        ([said(5, is_event=1)], False, None),
        ([said(5, hidden=1)], False, None),
        ([said(5, deleted=1)], False, 5),  # they have answered, and thought better of it
        ([said(5, message_type="INVITATION", own=True)], True, None),
        ([said(5, message_type="INVITATION")], False, 5),
        ([said(5, message_type="INMAIL_DECLINE")], False, 5),
        ([said(None)], False, 0),  # no time: it is new, or it would not be listed
    ],
)
def test_the_newest_word_of_somebody(messages, own, at):
    expected = None if at is None else NOW + timedelta(seconds=at)
    assert newest(messages, since=NOW, own=own) == expected


def test_strangers_are_what_no_item_sent():
    one, two = said(1, own=True, id="a"), said(2, own=True, id="b")
    assert strangers([one, two], [], frozenset({"a"})) == [two]
    assert strangers([said(1, own=True, id="x", message_id="a")], [], frozenset({"a"})) == []
    # An item that was sent, or may have been, without an id stands for one equal message.
    assert strangers([one, two], [row("Hi")], frozenset()) == [two]
    assert strangers([one, two], [row("Hi"), row(" Hi ")], frozenset()) == []
    assert strangers([one], [row("Ho")], frozenset()) == [one]
    html = said(1, own=True, id="c", text="<p>Hi</p>")
    assert strangers([html], [row("Hi")], frozenset()) == []
