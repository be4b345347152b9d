"""Who runs a worker is told once that nobody is there, and once that somebody is again."""

import pytest

from postpress_async import Postpress
from postpress_async.errors import AuthenticationError, ConnectError, NotFoundError
from postpress_async.outbox.telling import telling

GONE = "the service cannot be reached, and items wait: no connection"
BACK = "the service can be reached again"


def fails(client, error):
    with pytest.raises(type(error)), telling(client):
        raise error


def test_an_outage_is_told_at_its_beginning_and_its_end(caplog):
    client = Postpress("pp_key", base_url="http://127.0.0.1:1")
    other = Postpress("pp_key", base_url="http://127.0.0.1:1")
    for _ in range(3):
        fails(client, ConnectError("no connection"))
    fails(client.with_options(), ConnectError("no connection"))
    assert caplog.messages == [GONE]
    fails(other, ConnectError("no connection"))
    assert caplog.messages == [GONE, GONE]
    with telling(client):
        pass
    assert caplog.messages == [GONE, GONE, BACK]
    with telling(client):
        pass
    fails(client, ConnectError("no connection"))
    fails(client, NotFoundError("no such chat", status=404))  # also a no is an answer
    assert caplog.messages == [GONE, GONE, BACK, GONE, BACK]


def test_a_key_that_is_refused_now_is_an_answer_too(caplog):
    client = Postpress("pp_key", base_url="http://127.0.0.1:1")
    client._pipeline.key_taken = True
    fails(client, ConnectError("no connection"))
    fails(client, AuthenticationError("not valid", status=401))
    assert caplog.messages[0] == GONE
    assert BACK in caplog.messages
    assert "refuses the API key now" in caplog.text
