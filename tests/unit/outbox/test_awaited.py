"""Which functions are taken for what is awaited."""

import functools
from unittest.mock import AsyncMock

import pytest

from postpress_async import ConfigurationError, Postpress
from postpress_async.outbox import Outbox, Send, all_of, do_not_contact, stop_on_reply


async def asked(item, *, more=None):
    return Send()


def plain(item):
    return Send()


def counted(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class Asker:
    async def __call__(self, item):
        return Send()

    async def ask(self, item):
        return Send()

    @counted
    async def count(self, item):
        return Send()


class Plain:
    def __call__(self, item):
        return Send()

    def ask(self, item):
        return Send()


async def yielding(item):
    yield Send()


@pytest.fixture
def client():
    return Postpress("key")


GOOD = {
    "none": None,
    "function": asked,
    "partial": functools.partial(asked, more=1),
    "partial of a partial": functools.partial(functools.partial(counted(asked)), more=1),
    "wrapped": counted(functools.partial(asked, more=1)),
    "object": Asker(),
    "method": Asker().ask,
    "wrapped method": Asker().count,
    "partial of an object": functools.partial(Asker()),
    "mock": AsyncMock(return_value=Send()),
    "guards": all_of(asked, Asker()),
    "stop on reply": stop_on_reply(Postpress("key")),
    "do not contact": do_not_contact(asked, client=Postpress("key")),
    "lambda": lambda item: asked(item, more=1),
    "not written in Python": print,  # nobody can tell
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_can_be_awaited_is_taken(client, tmp_path, good):
    Outbox(client, f"sqlite:///{tmp_path / 'o.db'}", before_send=good)
    assert not (tmp_path / "o.db").exists()


BAD = {
    "function": (plain, "async def"),
    "partial": (functools.partial(plain), "async def"),
    "wrapped": (counted(plain), "async def"),
    "object": (Plain(), "async def"),
    "method": (Plain().ask, "async def"),
    "generator": (yielding, "async def"),
    "class": (Asker, "not the class Asker"),
    "answer": (Send(), "not Send"),
    "text": ("stop_on_reply", "not str"),
    "several": ([asked], "not list"),
}


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_before_anything_is_made(client, tmp_path, bad, words):
    with pytest.raises(ConfigurationError, match=words) as told:
        Outbox(client, f"sqlite:///{tmp_path / 'made' / 'o.db'}", before_send=bad)
    assert str(told.value).startswith("before_send must be an async function")
    assert list(tmp_path.iterdir()) == []


def test_guards_and_lists_say_it_of_theirs(client):
    with pytest.raises(ConfigurationError, match="each of all_of must be an async function"):
        all_of(asked, plain)
    with pytest.raises(ConfigurationError, match="listed must be an async function"):
        do_not_contact(plain, client=client)
