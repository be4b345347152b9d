"""Files: in, out, too large, cut off."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zlib
from urllib.parse import quote, unquote

import aiohttp
import pytest

from postpress_async.sandbox.vault import Stored, Vault

MB = 2**20


def form(*files, **fields):
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        data.add_field(name, value)
    for key, name, content, kind in files:
        data.add_field(key, content, filename=name, content_type=kind)
    return data


async def sent(api, *files, provider="WHATSAPP", **fields):
    chat = api.account(provider)["chats"][0]
    answer = await api.post(f"/chats/{chat}/messages", data=form(*files, **fields))
    assert answer.status == 201, answer.raw
    return (await api.get(f"/messages/{answer.json['message_id']}")).json


async def fetch(api, message, index=0):
    file = message["attachments"][index]
    return await api.get(f"/messages/{message['id']}/attachments/{quote(file['id'], safe='')}")


async def test_what_was_sent_comes_back(api):
    first, second = bytes(range(256)) * 10, b"%PDF-\r\n--boundary"
    message = await sent(
        api,
        ("attachments", "déjà “vu” (1).png", first, "image/png"),
        ("attachments", "b.pdf", second, "application/pdf"),
        text="Two",
    )
    assert message["text"] == "Two"
    assert [one["type"] for one in message["attachments"]] == ["img", "file"]
    assert len({one["id"] for one in message["attachments"]}) == 2
    for index, (content, kind, name) in enumerate(
        [(first, "image/png", "déjà “vu” (1).png"), (second, "application/pdf", "b.pdf")]
    ):
        answer = await fetch(api, message, index)
        assert (answer.status, answer.raw) == (200, content)
        assert answer.headers["Content-Type"] == kind
        disposition = answer.headers["Content-Disposition"]
        assert unquote(disposition.partition("UTF-8''")[2]) == name


async def test_two_equal_files_are_two(api):
    message = await sent(api, *[("attachments", "a.txt", b"a", "text/plain")] * 2)
    assert len({one["id"] for one in message["attachments"]}) == 2


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 15 * MB])
async def test_files_of_every_size_come_back(api, size):
    content = hashlib.shake_128(b"x").digest(size)
    message = await sent(api, ("attachments", "a.bin", io.BytesIO(content), "x/y"), text="a")
    assert message["attachments"][0]["file_size"] == size
    answer = await fetch(api, message)
    assert answer.raw == content
    assert int(answer.headers["Content-Length"]) == size


async def test_every_file_of_history_can_be_had_or_says_that_it_cannot(api):
    rows = (await api.get("/messages?limit=250")).items
    kinds = set()
    for row in rows:
        for index, file in enumerate(row["attachments"]):
            answer = await fetch(api, row, index)
            gone = file["unavailable"] or file["file_size"] is None
            assert (answer.status == 404) == gone
            if not gone:
                kinds.add(file["type"])
                assert len(answer.raw) == file["file_size"]
                assert answer.headers["Content-Type"] == file["mimetype"]
                assert (await fetch(api, row, index)).raw == answer.raw
                if file["mimetype"] == "image/png":
                    assert_png(answer.raw)
    assert len(kinds) > 2


def assert_png(raw):
    """Walk through the chunks of a PNG, as a viewer does."""
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    at, seen = 8, []
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "big")
        kind, end = raw[at + 4 : at + 8], at + 8 + length
        assert int.from_bytes(raw[end : end + 4], "big") == zlib.crc32(raw[at + 4 : end])
        seen.append(kind)
        at = end + 4
    assert (seen[0], seen[-1]) == (b"IHDR", b"IEND")


async def test_no_such_attachment(api):
    message = await sent(api, ("attachments", "a.txt", b"a", "text/plain"))
    assert (await api.get(f"/messages/{message['id']}/attachments/none")).status == 404
    assert (await api.get("/messages/none/attachments/none")).status == 404
    await api("DELETE", f"/messages/{message['id']}")
    assert (await fetch(api, message)).status == 404


async def test_one_byte_too_many_is_refused_and_not_kept(api, sandbox):
    chat = api.account()["chats"][0]
    before = (await api.get(f"/chats/{chat}")).json
    for content, status in ((b"\0" * (15 * MB + 1), 400), (b"\0" * (70 * MB), 413)):
        data = form(("attachments", "a.bin", io.BytesIO(content), "x/y"), text="a")
        answer = await api.post(f"/chats/{chat}/messages", data=data)
        assert answer.status == status
        if status == 400:
            assert answer.type == "content_too_large"
    assert (await api.get(f"/chats/{chat}")).json == before
    assert not any(entry.committed for entry in sandbox.journal())


async def test_a_body_that_stops_half_way_sends_nothing(api, sandbox):
    chat = api.account()["chats"][0]
    before = (await api.get(f"/chats/{chat}")).json
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/chats/{chat}/messages HTTP/1.1\r\nHost: x\r\nX-API-KEY: {sandbox.api_key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="attachments"; filename="a"\r\n\r\n'.encode()
        + b"x" * 200_000
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)  # what must not happen has time to: nothing waits for nothing
    assert reader.at_eof()
    assert (await api.get(f"/chats/{chat}")).json == before


@pytest.mark.parametrize(
    ("provider", "field", "name", "kind", "status", "type"),
    [
        ("LINKEDIN", "voice_message", "v.m4a", "audio/m4a", 201, "audio"),
        ("LINKEDIN", "voice_message", "v.mp3", "audio/mpeg", 415, "unsupported_media_type"),
        ("WHATSAPP", "voice_message", "v.MP3", "audio/mpeg", 201, "audio"),
        ("WHATSAPP", "voice_message", "v.wav", "audio/wav", 415, "unsupported_media_type"),
        ("TELEGRAM", "voice_message", "v.m4a", "audio/m4a", 501, "feature_not_implemented"),
        ("LINKEDIN", "video_message", "v.mp4", "video/mp4", 201, "video"),
        ("WHATSAPP", "video_message", "v.mp4", "video/mp4", 501, "feature_not_implemented"),
    ],
)
async def test_recordings_are_for_some(api, *, provider, field, name, kind, status, type):
    chat = api.account(provider)["chats"][0]
    data = form((field, name, b"sound", kind))
    answer = await api.post(f"/chats/{chat}/messages", data=data)
    assert answer.status == status
    if status != 201:
        assert answer.type == type
        return
    (file,) = (await api.get(f"/chats/{chat}")).json["lastMessage"]["attachments"]
    assert file["type"] == type
    assert file.get("voice_note", True)


async def test_a_download_can_be_cut_in_the_middle(api, sandbox):
    message = await sent(api, ("attachments", "a.bin", b"x" * 300_000, "x/y"))
    route = "GET /messages/{message_id}/attachments/{attachment_id}"
    sandbox.faults([{"route": route, "effect": "half_body", "times": 1}])
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(api, message)
    assert len((await fetch(api, message)).raw) == 300_000


def stored(vault, *pieces):
    one = Stored(vault)
    for piece in pieces:
        one.add(piece)
    return one


def content(one):
    return b"".join(one.pieces())


def test_a_vault_keeps_the_last_bytes():
    vault = Vault(most=400_000)
    first, second = Stored(vault), Stored(vault)
    for _ in range(3):  # both at once, piece by piece
        first.add(b"a" * 50_000)
        second.add(b"b" * 50_000)
    assert (content(first), content(second)) == (b"a" * 150_000, b"b" * 150_000)
    small = stored(vault, b"s" * 1_000)
    third = stored(vault, b"c" * 90_000, b"d" * 90_000)  # the second piece starts a new round
    assert content(third) == b"c" * 90_000 + b"d" * 90_000
    fourth = stored(vault, b"e" * 250_000)
    assert (first.kept, second.kept, third.kept, fourth.kept) == (False, False, False, True)
    assert content(fourth) == b"e" * 250_000
    assert len(content(first)) < first.size  # cut, never somebody else's
    assert set(content(first)) <= {ord("a")}
    assert (small.kept, content(small)) == (True, b"s" * 1_000)
    assert first.sha256 == hashlib.sha256(b"a" * 150_000).hexdigest()
    vault.clear()
    assert not fourth.kept
    assert content(stored(vault, b"f" * 99_999)) == b"f" * 99_999


async def test_an_upload_that_was_pushed_out_is_unavailable(api, sandbox):
    sandbox._engine.vault._most = 400_000
    first = await sent(api, ("attachments", "a.bin", b"a" * 300_000, "x/y"))
    assert (await fetch(api, first)).raw == b"a" * 300_000
    second = await sent(api, ("attachments", "b.bin", b"b" * 300_000, "x/y"))
    assert (await fetch(api, second)).raw == b"b" * 300_000
    assert (await fetch(api, first)).status == 404
