"""Whatever a file holds: limits or a ConfigurationError, nothing else, and soon."""

import json
import time
import tomllib
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postpress_async import ConfigurationError, Limits
from postpress_async.limits.positions import Positions

from .test_loading import GOOD

GOOD_JSON = json.dumps(tomllib.loads(GOOD), indent=1)
PIECES = ["[", "]", "[[", "]]", "{", "}", "=", ":", ",", "\n", '"', "'", '"""', "'''", "#", "\\"]
PIECES += [
    "limit",
    "actions",
    "amount",
    "per",
    "mode",
    "true",
    "nan",
    "-1",
    "9" * 30,
    "\ud800",
    ".",
]
PIECES += ["\x00", "\r", "\ufeff", "null", "1979-05-27", '"post"', "[[limit]]\n", "base", "tz = "]


def loads_or_refuses(text, kind):
    with suppress(ConfigurationError):
        assert isinstance(Limits.loads(text, format=kind), Limits)


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(text=st.text(max_size=200), kind=st.sampled_from(["toml", "json"]))
def test_any_text(text, kind):
    loads_or_refuses(text, kind)


@settings(max_examples=5 * settings().max_examples, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=30), kind=st.sampled_from(["toml", "json"])
)
@example(pieces=["[[limit]]\n", "[", "limit", ".", "per", "]", "\n"], kind="toml")
def test_any_order_of_its_pieces(pieces, kind):
    loads_or_refuses("".join(pieces), kind)


@settings(max_examples=10 * settings().max_examples, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["toml", "json"]))
def test_any_change_of_a_good_file(data, kind):
    text = GOOD if kind == "toml" else GOOD_JSON
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.sampled_from([0, 0, 1, 1, 3, 10, 100]))
        new = data.draw(st.one_of(st.sampled_from(["", *PIECES]), st.text(max_size=3)))
        text = text[:start] + new + text[start + length :]
    loads_or_refuses(text, kind)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["actions", "action", "amount", "per", "provider", "tier", "keep", "scope"])
MORE = st.sampled_from(["burst", "source", "mode", "least", "most", "start", "days", "quiet", "tz"])


@settings(max_examples=5 * settings().max_examples, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.one_of(NAMES, MORE), JSON, max_size=6), max_size=3),
    table=st.sampled_from(["limit", "spacing", "warm_up", "working_hours", "without", "base"]),
    needed=st.booleans(),
)
def test_any_values_in_its_tables(rows, table, needed):
    required = {"actions": "post", "amount": 3} if table == "limit" else {"tz": "UTC"}
    rows = [required | row for row in rows] if needed else rows
    loads_or_refuses(json.dumps({table: rows}), "json")


@pytest.mark.parametrize(
    "text", ["[" * 60_000, '{"a":' * 12_000, "a." * 30_000, "[[a]]\n" * 10_000]
)
@pytest.mark.parametrize("kind", ["toml", "json"])
def test_what_is_deep_or_long_is_refused_soon(text, kind):
    began = time.thread_time()  # a loaded machine is slow, not wrong
    loads_or_refuses(text, kind)
    assert time.thread_time() - began < 20


def paths(value, path=()):
    """Yield each path of up to three steps that a parsed text has."""
    if path:
        yield path
    if len(path) < 3 and isinstance(value, (dict, list)):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for step, inner in steps:
            yield from paths(inner, (*path, step))


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(document=st.dictionaries(st.text("ab", min_size=1, max_size=2), JSON, max_size=4))
def test_every_path_of_a_json_text_has_a_line(document):
    text = json.dumps(document, indent=1)
    found = Positions(text, toml=False).lines
    plain = {path for path in paths(document) if not any('"' in str(step) for step in path)}
    assert {path for path in plain if all(_simple(step) for step in path)} <= set(found)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


def _simple(step):
    return isinstance(step, int) or (step.isascii() and step.isprintable() and "\\" not in step)


def test_every_table_of_the_good_file_has_its_line():
    lines = GOOD.splitlines()
    found = Positions(GOOD, toml=True)
    for (table, index, name), line in ((p, n) for p, n in found.lines.items() if len(p) == 3):
        if isinstance(name, str):
            assert lines[line - 1].startswith(f"{name} = ")
            assert found.line((table, index)) < line
    assert found.line(("limit", 1, "amount")) == 15
    assert found.line(("warm_up", 0, "nothing")) == found.line(("warm_up", 0)) == 31
