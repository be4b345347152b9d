"""Whatever is given to a client is checked when it is given, by name."""

import asyncio
import inspect
import math

import pytest

import postpress_async
from postpress_async import (
    ConfigurationError,
    Http,
    KeyRate,
    Limit,
    Limits,
    Postpress,
    RequestOptions,
    Retries,
    Timeout,
)
from postpress_async.testing import FakeTransport, reply


class Anything:
    """A transport that is none."""


WRONG = {
    "api_key": [5, "", "a b", "a\n", b"key"],
    "base_url": [5, "", "ftp://x", "https://", "http://example.com", "https://u:p@x", "x y"],
    "state": [None, 5, "redis://x/y", "mysql://x/y", "sqlite://", "memory"],
    "limits": [5, "none", [Limit("profile", 1)]],
    "timeout": [5, 5.0, "5"],
    "retries": [3, "3"],
    "max_wait": [None, "30", -1, math.nan],
    "max_queue": [0, -1, 1.5, "10", None],
    "hooks": [print, "hook", [5], 5],
    "on_state_lost": ["go", None],
    "http": [5, {"proxy": "x"}],
    "session": [5, Anything()],
    "transport": [5, Anything()],
    "providers": [["acc_1"], {"acc_1": 5}, {5: "LINKEDIN"}, {"acc_1": ""}],
    "key_rate": [5, "50"],
    "clock": [5, Anything()],
}
CASES = [
    pytest.param(field, value, id=f"{field}-{index}")
    for field, values in WRONG.items()
    for index, value in enumerate(values)
]


@pytest.mark.parametrize(("field", "value"), CASES)
def test_what_cannot_work_is_refused_when_it_is_given_and_by_its_name(field, value):
    with pytest.raises(ConfigurationError) as caught:
        Postpress(**{"api_key": "key", field: value})
    assert field in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Anything object" in str(caught.value) or not isinstance(value, Anything)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout", 5),
        ("retries", 3),
        ("max_wait", -1),
        ("hooks", print),
        ("headers", {"Host": "x"}),
    ],
)
def test_copies_are_checked_alike(field, value):
    with pytest.raises(ConfigurationError, match=field):
        Postpress("key").with_options(**{field: value})


def test_every_option_of_the_client_is_tried():
    assert set(WRONG) == set(inspect.signature(Postpress).parameters)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Http(ssl=False),
        lambda: Http(proxy=5),
        lambda: Http(connections=0),
        lambda: Http(max_body=-1),
        lambda: Http(ca_file="/nowhere.pem"),
        lambda: Timeout(total=-1),
        lambda: Timeout(read="30"),
        lambda: Retries(attempts=0),
        lambda: KeyRate(0.5),
        lambda: RequestOptions(timeout=5),
        lambda: RequestOptions(idempotency_key=""),
        lambda: RequestOptions(idempotency_key="a\r\nb"),
        lambda: RequestOptions(headers={"X-API-KEY": "x"}),
        lambda: RequestOptions(headers={"a b": "x"}),
    ],
    ids=[str(index) for index in range(14)],
)
def test_option_values_are_checked_when_they_are_made(make):
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_an_empty_url_does_not_silently_mean_the_live_service():
    with pytest.raises(ConfigurationError, match="base_url"):
        Postpress("key", base_url="")


def test_the_environment_stands_in_for_what_is_not_given(monkeypatch):
    monkeypatch.setenv("POSTPRESS_API_KEY", "from-env")
    monkeypatch.setenv("POSTPRESS_BASE_URL", "http://127.0.0.1:9/api/v1/")
    client = Postpress()
    assert client._pipeline.home.key == "from-env"
    assert client._pipeline.home.base == "http://127.0.0.1:9/api/v1"
    assert Postpress("mine", base_url="https://x")._pipeline.home.base == "https://x/v1"
    monkeypatch.delenv("POSTPRESS_API_KEY")
    with pytest.raises(ConfigurationError, match="POSTPRESS_API_KEY"):
        Postpress()


async def test_a_body_that_cannot_be_encoded_is_refused():
    async with Postpress("key", transport=FakeTransport([])) as client:
        with pytest.raises(ConfigurationError, match="json"):
            await client.request(
                "POST", "/x", type=dict, json={"x": object()}, account_id="a", action="other"
            )


@pytest.mark.parametrize("name", sorted(postpress_async.__all__))
def test_signatures_of_public_classes_can_be_read(name):
    value = getattr(postpress_async, name)
    if inspect.isclass(value) and not issubclass(value, BaseException):
        inspect.signature(value)


def test_limits_take_limits_only():
    for wrong in (5, "profile", None):
        with pytest.raises(ConfigurationError, match="Limit"):
            Limits.none().add(wrong)
        with pytest.raises(ConfigurationError, match="Limit"):
            Limits.none().replace(wrong)


@pytest.mark.parametrize("state", ["memory:", "sqlite:///{}/counts.db"])
def test_a_client_with_known_providers_is_made_without_a_loop(state, tmp_path):
    client = Postpress(
        "key",
        providers={"acc_1": "LINKEDIN"},
        state=state.format(tmp_path),
        limits=Limits.none().add(Limit("invite", 5, provider="LINKEDIN")),
        transport=FakeTransport(lambda request: reply({"object": "Done"})),
    )

    async def use():
        async with client:
            assert not client.scheduler.unsure("acc_1", "invite")
            async with client.scheduler.slot("acc_1", "invite"):
                pass
            (lane,) = await client.scheduler.snapshot("acc_1")
            assert (lane.provider, [use.used for use in lane.limits]) == ("LINKEDIN", [1])

    asyncio.run(use())
