"""Files become items once, in their order, and only if every line can."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from types import SimpleNamespace

import msgspec
import pytest

from postpress_async import ConfigurationError, LinkedInOptions
from postpress_async.errors import StateUnavailableError
from postpress_async.outbox.importing import Importer
from postpress_async.outbox.items import item_of
from postpress_async.outbox.putting import Names, tombstone_of
from postpress_async.outbox.recipes import ImportRefusedError, Recipe
from postpress_async.outbox.sources import How
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Filter

SECRET = "text-CANARY-7"
HEAD = "id,account_id,chat_id,first_name\n"
RECIPE = Recipe(text="Hi {first_name}", key="spring/{id}")
START = 4_070_908_800.0  # 2099-01-01, from when on the plan below lets one an hour go


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lists").mkdir(mode=0o700)
    return tmp_path / "lists"


@pytest.fixture
async def desk(tmp_path):
    """A store, an importer, and what it asked for."""
    store = open_outbox(f"sqlite:///{tmp_path / 'box' / 'o.db'}")
    (tmp_path / "box").mkdir(mode=0o700)
    asked: list[str] = []

    async def provider_of(account_id):
        asked.append(account_id)
        if account_id == "acc_gone":
            raise ConfigurationError("account_id 'acc_gone' is not connected: connect it first")
        return "LINKEDIN"

    async def plan(account_id, actions, seen):
        for action, count in actions.items():
            for n in range(count):  # one an hour
                seen(action, START + 3_600.0 * n)
        return (account_id, dict(actions))

    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)

    async def items():
        return [item_of(row) for row in await store.find(Filter(), limit=10_000)]

    async def load(source, recipe=RECIPE, **how):
        return await importer.load(source, recipe, How(**how))

    async def preview(source, recipe=RECIPE, **how):
        return await importer.preview(source, recipe, How(**how))

    yield SimpleNamespace(store=store, asked=asked, items=items, load=load, preview=preview)
    await store.aclose()


def sheet(folder, text, name="leads.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def leads(folder, count, start=0, **how):
    lines = (f"{n},acc_{n % 3},chat_{n},Ada {n}\n" for n in range(start, start + count))
    return sheet(folder, HEAD + "".join(lines), **how)


async def test_lines_become_items_in_their_order(desk, folder):
    told = []
    done = await desk.load(leads(folder, 250), progress=lambda *n: told.append(n))
    assert (done.lines, done.queued, done.already, done.refusals) == (250, 250, 0, 0)
    items = await desk.items()
    assert [one.key for one in items] == [f"spring/{n}" for n in range(250)]
    assert [one.id for one in items] == sorted(one.id for one in items)
    assert (items[7].text, items[7].chat_id, items[7].account_id) == ("Hi Ada 7", "chat_7", "acc_1")
    assert told == [(100, 250), (200, 250), (250, 250)]
    assert sorted(desk.asked) == ["acc_0", "acc_1", "acc_2"]  # each once


@pytest.mark.parametrize("recipe", [RECIPE, Recipe(text="Hi {first_name}", group="spring")])
async def test_the_same_file_twice_queues_nothing_twice(desk, folder, recipe):
    path = leads(folder, 130)
    await desk.load(path, recipe)
    again = await desk.load(path, recipe)
    assert (again.queued, again.already) == (0, 130)
    more = await desk.load(leads(folder, 140), recipe)
    assert (more.queued, more.already) == (10, 130)
    assert len(await desk.items()) == 140


async def test_keys_of_lines_stand_for_their_group_and_do_not_depend_on_the_order(desk, folder):
    await desk.load(sheet(folder, "chat_id,text,account_id\nc,Hi,a\n"), Recipe(group="one"))
    same = await desk.load(sheet(folder, "account_id;chat_id;text\na;c;Hi\n"), Recipe(group="one"))
    other = await desk.load(sheet(folder, "chat_id,text,account_id\nc,Hi,a\n"), Recipe(group="two"))
    assert (same.already, other.queued) == (1, 1)
    keys = [one.key for one in await desk.items()]
    assert keys[0].startswith("import/one/")
    assert keys[1] == keys[0].replace("one", "two")


async def test_another_text_for_the_same_line_is_refused_not_sent_as_well(desk, folder):
    path = leads(folder, 3)
    await desk.load(path, Recipe(text="Hi {first_name}"))
    with pytest.raises(ImportRefusedError, match="3 lines cannot be queued, so nothing was") as no:
        await desk.load(path, Recipe(text="Hello {first_name}"))
    assert [one.line for one in no.value.problems] == [2, 3, 4]
    assert "this key stands for something else" in str(no.value)
    assert len(await desk.items()) == 3


async def test_all_that_is_wrong_is_listed_and_nothing_is_queued(desk, folder):
    path = sheet(
        folder,
        "id,account_id,chat_id,first_name,not_before,expires_at\n"
        "1,acc_1,c1,Ada,,\n"
        "2,,c2,,,\n"
        "3,acc_1,..,Ada,,\n"
        "4,acc_1,c4,Ada,soon,\n"
        "5,acc_1,c5,Ada,2026-01-05T09:00,\n"
        "6,acc_1,c6,Ada,2026-01-05T09:00+01:00,2026-01-05T08:00Z\n"
        "7,acc_gone,c7,Ada,,\n"
        "8,acc_1,c8\n"
        "1,acc_1,c9,Ada,,\n",
    )
    with pytest.raises(ImportRefusedError) as caught:
        await desk.load(path)
    error = caught.value
    told = {(one.line, one.column): one.message for one in error.problems}
    assert list(told) == [
        (3, "account_id"), (3, "first_name"), (4, "chat_id"), (5, "not_before"), (6, "not_before"),
        (7, "expires_at"), (8, "account_id"), (9, None), (10, "key"),
    ]  # fmt: skip
    assert "{first_name|something}" in told[3, "first_name"]
    assert "write 2026-01-05T09:00+01:00" in told[5, "not_before"]
    assert "no time zone" in told[6, "not_before"]
    assert "same key as line 2" in told[10, "key"]
    assert error.lines == 8
    assert str(error).startswith("leads.csv: 8 lines cannot be queued, so nothing was: line 3, ")
    assert error.outcome == "not_sent"
    assert await desk.items() == []


async def test_a_column_that_is_a_field_but_for_its_spelling_is_not_passed_by(desk, folder):
    text = HEAD.replace("\n", ",Not Before,EXPIRES-AT\n") + "1,acc_1,c1,Ada,2030-01-01T09:00Z,\n"
    with pytest.raises(ImportRefusedError) as caught:
        await desk.load(sheet(folder, text))
    assert [(one.column, one.message) for one in caught.value.problems] == [
        ("Not Before", "reads like not_before: rename it so, or leave it out"),
        ("EXPIRES-AT", "reads like expires_at: rename it so, or leave it out"),
    ]
    named = Recipe(
        text="Hi", key="{id}", not_before="{Not Before}", expires_at="{EXPIRES-AT|2031-01-01T00Z}"
    )
    await desk.load(sheet(folder, text), named)
    [item] = await desk.items()
    assert (item.not_before.year, item.expires_at.year) == (2030, 2031)


@pytest.mark.parametrize(
    ("column", "recipe", "then"),
    [
        ("attachments", Recipe(), Recipe(attachments=("{attachments}",))),
        ("Hold", Recipe(), Recipe(hold=True)),
        ("priority", Recipe(), Recipe(priority=2)),
        ("typing_duration", Recipe(), None),
        ("quote_id", Recipe(), Recipe(text="{quote_id}")),
        ("voice_message", Recipe(kind="start_chat"), None),
        ("message", Recipe(kind="invite"), Recipe(kind="invite", text="{message}")),
        ("message", Recipe(kind="invite"), Recipe(kind="invite", text="Hello")),
        ("message", None, Recipe()),
        ("attachments", None, Recipe(kind="invite")),
        ("LinkedIn", None, Recipe(kind="start_chat")),
    ],
)
async def test_a_column_that_a_call_would_take_is_taken_or_refused(
    desk, folder, column, recipe, then
):
    (folder / "x.txt").write_bytes(b"x")
    line = {"account_id": "acc_1", "chat_id": "c1", "to": "ACoAAB", "provider_id": "ACoAAC"}
    line |= {column: "x.txt"} | ({} if then is not None and then.text else {"text": "Hi"})
    if recipe is not None:
        with pytest.raises(ImportRefusedError) as caught:
            await desk.load([line], recipe)
        [problem] = caught.value.problems
        assert (problem.line, problem.column) == (1, column)
        assert await desk.items() == []
    if then is not None:
        await desk.load([line], msgspec.structs.replace(then, folder=folder))
        assert len(await desk.items()) == 1


@pytest.mark.parametrize("value", [b"Ada", bytearray(b"Ada"), memoryview(b"Ada")])
async def test_bytes_are_no_text(desk, value):
    line = {"account_id": "acc_1", "chat_id": "c1", "first_name": value}
    with pytest.raises(ConfigurationError, match=r"line 2, first_name: .*not bytes: decode"):
        await desk.load([{**line, "first_name": "Ada"}, line], RECIPE)
    assert await desk.items() == []


async def test_of_many_problems_the_first_ones_are_listed(desk, folder):
    path = sheet(folder, HEAD + "1,acc_1,,\n" * 5_000)
    with pytest.raises(ImportRefusedError) as caught:
        await desk.load(path, most_problems=5)
    assert len(caught.value.problems) == 5
    assert caught.value.lines == 5_000


async def test_a_preview_queues_nothing_and_counts_by_account_and_action(desk, folder):
    await desk.load(leads(folder, 10))
    await desk.store.forget("Ada 12", tombstone_of("Ada 12"))
    recipe = msgspec.structs.replace(RECIPE, recipient="{first_name}")
    await desk.load(leads(folder, 1, start=50), recipe)
    path = sheet(
        folder,
        HEAD.replace("\n", ",not_before\n")
        + "".join(f"{n},acc_{n % 2},chat_{n},Ada {n},2030-01-0{n % 9 + 1}\n" for n in range(11, 20))
        + "50,acc_2,chat_50,Ada 50,2030-01-01\n",
    )
    found = await desk.preview(path, msgspec.structs.replace(recipe, timezone="Europe/Paris"))
    assert (found.lines, found.new, found.already, found.forgotten) == (10, 8, 1, 1)
    assert found.plans == (("acc_0", {"message": 3}), ("acc_1", {"message": 5}))
    assert found.ahead == {"acc_0": 4, "acc_1": 3}
    assert found.last_not_before == 1894143600.0  # 2030-01-09 in Paris
    assert len(await desk.items()) == 11


async def test_a_preview_tells_how_many_expire_before_it_is_their_turn(desk, folder):
    head = HEAD.replace("\n", ",not_before,expires_at\n")
    ends = [f"2099-01-01T{n:02}:30Z" for n in (0, 0, 1, 9)] + [""]

    def line(n, account, start=""):
        return f"{n},{account},chat_{n},Ada,{start},{ends[n % 5]}\n"

    found = await desk.preview(
        sheet(folder, head + "".join(line(n, f"acc_{n // 5}") for n in range(10)))
    )
    assert (found.new, found.expiring) == (10, 2)  # of each account the second
    assert "expiring=2" in repr(found)
    # What is put off goes last: then nobody's turn is too late.
    lines = [line(3, "acc_0", "2099-01-01T05:00Z"), line(0, "acc_0"), line(2, "acc_0")]
    found = await desk.preview(sheet(folder, head + "".join(lines)))
    assert (found.new, found.expiring) == (3, 0)
    assert "expiring" not in repr(found)


async def test_the_forgotten_are_left_out(desk, folder):
    await desk.store.forget("Ada 1", tombstone_of("Ada 1"))
    recipe = msgspec.structs.replace(RECIPE, recipient="{first_name}")
    done = await desk.load(leads(folder, 3), recipe)
    assert (done.queued, done.forgotten, done.lines) == (2, 1, 3)


async def test_other_kinds(desk, folder):
    people = "account_id,to,provider_id,text,subject\nacc_1,ACoAAB,ACoAAC,Hi,Offer\n"
    path = sheet(folder, people)
    inmail = LinkedInOptions(api="classic", inmail=True)
    await desk.load(path, Recipe(kind="start_chat", linkedin=inmail, hold=True, key="a"))
    await desk.load(path, Recipe(kind="invite", key="b", priority=-1))
    first, second = await desk.items()
    assert (first.kind, first.person, first.action, first.state) == (
        "start_chat", "ACoAAB", "inmail", "held",
    )  # fmt: skip
    assert (second.kind, second.person, second.text, second.action, second.priority) == (
        "invite", "ACoAAC", "Hi", "invite_note", -1,
    )  # fmt: skip
    refused = await desk.load(path, Recipe(kind="invite", key="c"))
    assert (refused.queued, refused.refusals) == (0, 1)
    assert "is open: wait for it" in refused.refused[0].message
    with pytest.raises(ImportRefusedError, match="only Instagram's can follow"):
        await desk.load(path, Recipe(kind="follow"))


async def test_what_a_line_says_is_no_template_and_no_path(desk, folder):
    (folder / "a.txt").write_text("a")
    (folder.parent / "secret.txt").write_text("s")
    (folder / "way").symlink_to(folder.parent)
    recipe = Recipe(account_id="acc_1", attachments=("{file|}", "a.txt"), key="{chat_id}")
    for name in ("../secret.txt", str(folder.parent / "secret.txt"), "way/secret.txt"):
        with pytest.raises(ImportRefusedError, match="line 2, file: leads out of the folder"):
            await desk.load(sheet(folder, f"chat_id,text,file\nc,x,{name}\n"), recipe)
    await desk.load(sheet(folder, "chat_id,text,file\nc,{chat_id} {{,a.txt\nd,x,\n"), recipe)
    first, second = await desk.items()
    assert first.text == "{chat_id} {{"
    assert (first.file_names, second.file_names) == (("a.txt", "a.txt"), ("a.txt",))
    with pytest.raises(ImportRefusedError, match=r"line 2: attachments"):
        await desk.load(sheet(folder, "chat_id,text,file\nc,x,none.txt\n"), recipe)


async def endless(count):
    for n in range(count):
        yield {"id": n, "account_id": "acc_1", "chat_id": f"c{n}", "first_name": "Ada"}


async def test_lines_of_a_program(desk):
    assert (await desk.load(endless(250))).queued == 250
    listed = [one async for one in endless(251)]
    again = await desk.load(listed)
    assert (again.queued, again.already) == (1, 250)
    with pytest.raises(ConfigurationError, match="line 2 must be a mapping"):
        await desk.load([listed[0], SECRET])
    with pytest.raises(ConfigurationError, match="source must be a path, or lines"):
        await desk.load(7)


async def test_json_lines_and_pipes(desk, folder):
    rows = [{"id": n, "account_id": "a", "chat_id": "c", "first_name": "Ö"} for n in range(3)]
    text = "\ufeff" + "\r\n".join(json.dumps(row) for row in rows)
    assert (await desk.load(sheet(folder, text, "leads.jsonl"))).queued == 3
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    assert (await desk.load(f"/dev/fd/{read}")).already == 3
    os.close(read)


async def test_files_that_are_none(desk, folder):
    with pytest.raises(ConfigurationError, match=r"none\.csv: cannot be read: No such file"):
        await desk.load(folder / "none.csv")
    with pytest.raises(ConfigurationError, match=r"leads\.csv: has no lines to import"):
        await desk.load(sheet(folder, HEAD))
    (folder / "leads.csv").write_bytes(b"id\n\xff\n")
    with pytest.raises(ConfigurationError, match=r"leads\.csv: it is not UTF-8"):
        await desk.load(folder / "leads.csv")
    with pytest.raises(ConfigurationError, match="delimiter must be one character"):
        await desk.load(leads(folder, 1), delimiter="::")
    with pytest.raises(ConfigurationError, match=r"^a\\0b: cannot be read: "):
        await desk.load("a\0b")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"format": "xlsx"}, "format must be one of csv, jsonl, not 'xlsx'"),
        ({"encoding": 5}, "encoding must be a str, such as 'cp1252', not int"),
        ({"delimiter": 5}, "delimiter must be one character, such as ';', not 5"),
        ({"most_problems": 0}, "most_problems"),
        ({"progress": 5}, "progress must be a function of two numbers, not int"),
    ],
)
def test_a_way_to_read_that_cannot_be_meant_is_refused(how, why):
    with pytest.raises(ConfigurationError, match=why):
        How(**how)


@pytest.mark.parametrize("files", [("{f}",), ("same", "{f}")])
async def test_an_attachment_that_can_be_no_file_is_told_with_its_line(desk, folder, files):
    (folder / "same").write_text("x")
    (folder / "round").symlink_to("about")
    (folder / "about").symlink_to("round")
    lines = [
        {"id": n, "account_id": "acc_1", "chat_id": "chat_1", "f": name}
        for n, name in enumerate(["same", "a\0b", "round", "x" * 5_000, "none", "same"])
    ]
    recipe = Recipe(text="Hi", key="{id}", attachments=files, folder=folder)
    with pytest.raises(ImportRefusedError) as caught:
        await desk.load(lines, recipe)
    assert [one.line for one in caught.value.problems] == [2, 3, 4, 5]
    assert caught.value.problems[0].column == "f"
    assert await desk.items() == []


async def test_an_attachment_that_vanishes_meanwhile_is_told_with_its_line(desk, folder):
    for n in range(150):
        (folder / f"f{n}.txt").write_text("x")
    lines = [
        {"id": n, "account_id": "acc_1", "chat_id": "chat_1", "f": f"f{n}.txt"} for n in range(150)
    ]
    recipe = Recipe(text="Hi", key="{id}", attachments=("{f}",), folder=folder)
    gone = folder / "f120.txt"
    with pytest.raises(ConfigurationError) as caught:
        await desk.load(lines, recipe, progress=lambda *_: gone.unlink(missing_ok=True))
    assert "line 121: attachments[0]: 'f120.txt' cannot be read (No such file" in str(caught.value)
    assert "100 lines were taken by then: import it again" in str(caught.value)
    gone.write_text("x")
    done = await desk.load(lines, recipe)
    assert (done.already, done.queued) == (100, 50)


async def test_a_file_that_changes_meanwhile_ends_the_import_and_can_be_imported_again(
    desk, folder
):
    path = leads(folder, 900)

    def progress(done, _):
        if done == 200:
            path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ConfigurationError, match=r"was changed .* and 200 lines were taken"):
        await desk.load(path, progress=progress)
    assert len(await desk.items()) == 200
    done = await desk.load(leads(folder, 900))
    assert (done.queued, done.already) == (700, 200)


async def test_a_store_that_fails_half_way_leaves_what_can_be_gone_on_with(
    desk, folder, monkeypatch
):
    path, add = leads(folder, 300), desk.store.add

    async def failing(items):
        if items[0].key == "spring/100":
            raise StateUnavailableError("the disk is full")
        return await add(items)

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "add", failing)
        with pytest.raises(StateUnavailableError) as caught:
            await desk.load(path)
    assert str(caught.value) == (
        "the disk is full; 100 lines of the file were taken by then: import it again, which queues "
        "none of them twice"
    )
    assert (await desk.load(path)).queued == 200


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "email"}, "kind must be one of"),
        ({"text": "Hi {"}, "text: the brace at character 4 stands alone"),
        ({"kind": "message", "to": "x"}, "to does not belong to a message"),
        ({"kind": "follow", "text": "x"}, "text does not belong to a follow"),
        ({"kind": "invite", "attachments": ("a",)}, "attachments do not go with a invite"),
        ({"attachments": "a.txt"}, "attachments must be several templates"),
        ({"linkedin": LinkedInOptions(api="classic")}, "linkedin does not belong to a message"),
        ({"timezone": "Paris"}, "timezone 'Paris' is not known"),
        ({"priority": "high"}, "priority"),
        ({"attachments": ("{",)}, "attachments: the brace"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_when_it_is_made(given, why):
    with pytest.raises(ConfigurationError, match=why):
        Recipe(**given)


async def test_an_import_that_is_cancelled_at_any_moment_can_be_done_again(desk, folder):
    path, cut, queued = leads(folder, 1_300), 0, set()
    for ticks in [*range(40), *range(40, 400, 15)]:
        task = asyncio.create_task(desk.load(path))
        for _ in range(ticks):
            await asyncio.sleep(0.0 if ticks % 2 else 0.001)
        task.cancel()
        cut += isinstance((await asyncio.gather(task, return_exceptions=True))[0], BaseException)
        queued.add(len(await desk.items()))
    assert cut > 10
    assert all(count % 100 == 0 for count in queued)  # whole batches, or all
    await desk.load(path)
    keys = [one.key for one in await desk.items()]
    assert keys == [f"spring/{n}" for n in range(1_300)]


async def test_texts_show_up_nowhere(desk, folder, caplog):
    caplog.set_level(0)
    recipe = Recipe(text=SECRET, key="{id}")
    assert SECRET not in repr(recipe)
    await desk.load(leads(folder, 2), recipe)
    with pytest.raises(ImportRefusedError) as caught:
        await desk.load(leads(folder, 2), Recipe(text=SECRET + "{gone}", key="{id}"))
    with pytest.raises(ImportRefusedError) as other:
        await desk.load(leads(folder, 2), Recipe(text=SECRET + "!", key="{id}"))
    for error in (caught.value, other.value):
        assert SECRET not in f"{error} {error!r} {error.problems}"
    assert SECRET not in caplog.text


async def test_long_files_take_little_memory(desk, folder):
    """What is held for each line is its key's eight bytes and its number."""

    async def peak(count):
        path = leads(folder, count, name=f"{count}.csv")
        tracemalloc.start()
        try:
            await desk.preview(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await peak(600)
    small, large = await peak(2_000), await peak(12_000)
    assert (large - small) / 10_000 < 200  # bytes a line
