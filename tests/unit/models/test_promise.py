"""The promise: an unknown answer costs only the node that bears it."""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from postpress_async.models import (
    Account,
    Chat,
    InvitationReceived,
    Message,
    PageReader,
    Profile,
    Reader,
    Relation,
    UnreadableError,
)

SAMPLES = Path(__file__).parents[2] / "samples"
CASES = {
    "profile_linkedin_seed": Profile,
    "profile_linkedin_full": Profile,
    "profile_whatsapp_full": Profile,
    "profile_instagram_full": Profile,
    "profile_telegram_full": Profile,
    "profile_x_full": Profile,
    "message_full": Message,
    "chat_full": Chat,
    "invitation_received_full": InvitationReceived,
    "relation_full": Relation,
    "account_linkedin_wild": Account,
}
READERS = {case: Reader(kind) for case, kind in CASES.items()}
TREES = {case: json.loads((SAMPLES / case / "body.json").read_bytes()) for case in CASES}

pytestmark = pytest.mark.timeout(120)
quick = settings(
    max_examples=4 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)


def paths_of(node, path=()):
    """Every place in a document but its root."""
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from paths_of(child, (*path, key))
        else:
            yield (*path, key)


PATHS = {
    case: [path for path in paths_of(tree) if path != ("provider",)] for case, tree in TREES.items()
}
DROP = object()
WRONG = st.sampled_from(
    [DROP, None, 0, 7, -1, 2.5, 10**25, "", "x", "7", True, False, [], {}, [[]], [None], {"a": 1}]
)


def mutate(tree, path, value):
    """Change one place of a document, unless an earlier change took it away."""
    node = tree
    try:
        for key in path[:-1]:
            node = node[key]
        if isinstance(node, dict) != isinstance(path[-1], str):
            return False  # a list was replaced by an object before
        if value is DROP:
            del node[path[-1]]
        else:
            node[path[-1]] = copy.deepcopy(value)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def assert_intact(before, after, touched, sent):
    """All of a value that no touched path leads through is as it was."""
    if () in touched:
        return
    if type(after).__name__.startswith("Unknown"):
        assert after.raw == sent  # its discriminator was touched: nothing of it is lost
        return
    if isinstance(before, msgspec.Struct):
        assert type(after) is type(before)
        for name in before.__struct_fields__:
            inside = {path[1:] for path in touched if path[0] == name}
            was, now = getattr(before, name), getattr(after, name)
            if inside:
                assert_intact(was, now, inside, sent.get(name))
            else:
                assert now == was, name
    elif isinstance(before, list) and before and isinstance(before[0], msgspec.Struct):
        whole = [
            item for index, item in enumerate(before) if not any(p[0] == index for p in touched)
        ]
        assert [item for item in after if item in whole] == whole
        if len(after) == len(before):
            for index, (was, now) in enumerate(zip(before, after, strict=True)):
                inside = {path[1:] for path in touched if path[0] == index}
                if inside and index < len(sent):
                    assert_intact(was, now, inside, sent[index])


@st.composite
def mutations(draw):
    case = draw(st.sampled_from(sorted(CASES)))
    tree = copy.deepcopy(TREES[case])
    touched = set()
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(PATHS[case]))
        value = draw(WRONG)
        # Dropping an item moves its neighbours: their old paths would blame the wrong ones.
        if value is DROP and isinstance(path[-1], int):
            value = None
        if mutate(tree, path, value):
            touched.add(path)
    return case, tree, touched


@quick
@given(mutations())
def test_whatever_is_wrong_all_else_stays(mutation):
    case, tree, touched = mutation
    before = READERS[case].read(json.dumps(TREES[case]).encode())
    after = READERS[case].read(json.dumps(tree).encode())
    assert type(after) is type(before)
    assert_intact(before, after, touched, tree)
    assert after.raw == tree
    for name in after.__struct_fields__:
        was = getattr(before, name)
        assert isinstance(getattr(after, name), list) == isinstance(was, list)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("value", [DROP, None, {"a": 1}, [[]]], ids=["drop", "null", "{}", "[]"])
def test_each_single_node_may_be_wrong(case, value):
    before = READERS[case].read(json.dumps(TREES[case]).encode())
    for path in PATHS[case]:
        if value is DROP and isinstance(path[-1], int):
            continue
        tree = copy.deepcopy(TREES[case])
        assert mutate(tree, path, value)
        after = READERS[case].read(json.dumps(tree).encode())
        assert type(after) is type(before)
        assert_intact(before, after, {path}, tree)


def names_of(kind):
    return sorted({key for path in PATHS[kind] for key in path if isinstance(key, str)})


NAMES = sorted({name for case in CASES for name in names_of(case)} | {"provider", "event", "raw"})
WORDS = ["LINKEDIN", "WHATSAPP", "TELEGRAM", "TWITTER", "INSTAGRAM", "linkedin", "__unknown__"]
WORDS += ["NOTE_ADDED", "img", "", "x", "12", "\ud83d"]
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True)
documents = st.recursive(
    leaves | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)


@quick
@given(documents)
@example({"provider": "__unknown__", "raw": 5})
@example({"provider": "LINKEDIN", "recruiting_activity": [{"event": "__unknown__", "raw": None}]})
def test_any_document_reads_or_raises_the_one_exception(document):
    body = json.dumps(document).encode()
    for reader in READERS.values():
        try:
            value = reader.read(body)
        except UnreadableError:
            # Only what is no object, or no strict JSON, is refused.
            assert not isinstance(document, dict) or any(w in body for w in (b"NaN", b"Infinity"))
        else:
            assert isinstance(value, msgspec.Struct)
            assert isinstance(repr(value), str)


@quick
@given(st.binary(max_size=200) | documents.map(lambda d: json.dumps(d).encode()[:-1]))
def test_any_bytes_read_or_raise_the_one_exception(body):
    for reader in (*READERS.values(), PageReader(Message)):
        with suppress(UnreadableError):
            assert reader.read(body) is not None


@quick
@given(
    st.lists(
        st.sampled_from(["good", "odd"]).flatmap(
            lambda word: st.just({"id": "good", "text": "t"}) if word == "good" else documents
        ),
        max_size=8,
    )
)
def test_any_row_costs_only_itself(rows):
    body = json.dumps({"items": rows, "cursor": "c"}).encode()
    try:
        page = PageReader(Message).read(body)
    except UnreadableError:
        assert any(word in body for word in (b"NaN", b"Infinity"))
        return
    assert page.cursor == "c"
    good = [row for row in rows if isinstance(row, dict) and row.get("id") == "good"]
    assert [one.text for one in page.items if one.id == "good"] == [row["text"] for row in good]
    assert len(page.items) >= sum(isinstance(row, dict) for row in rows)


def test_mending_is_linear():
    """Ten thousand wrong nodes take one walk, not ten thousand."""
    jobs = [{"position": n, "skills": [n]} for n in range(10_000)]
    body = json.dumps({"provider": "LINKEDIN", "work_experience": jobs}).encode()
    started = time.thread_time()  # not what others do meanwhile
    profile = READERS["profile_linkedin_full"].read(body)
    assert time.thread_time() - started < 2.0
    assert profile.work_experience[9_999].skills == ["9999"]
    assert len(profile.issues) == 20_000
