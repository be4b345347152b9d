"""Whom an item is to is left out of what others may read, and nothing else is."""

from __future__ import annotations

import msgspec
import pytest

from postpress_async.outbox.veiling import veiled
from postpress_async.storage.outbox.rows import Row

TO = "person\x1facc_1\x1fjo.x"
_EMPTY = {str: "", bytes: b"", int: 0, float: 0.0, bool: False}


def row(**given):
    fields = {one.name: _EMPTY.get(one.type) for one in msgspec.structs.fields(Row) if one.required}
    return Row(**(fields | given))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("404: JO.X is not there (jo.x)", "404: … is not there (…)"),
        ("404: mojo.x and jo.xy stay", "404: mojo.x and jo.xy stay"),
        ("422: ada@example.org, 33612345678@s.whatsapp.net, 77:12@lid.", "422: …, …, …."),
        ("type:ada@example.org", "type:…"),
        ("422: +33 6 12 34 56 78, +33612345678 or 33612345678", "422: …, … or …"),
        ("ACoAABcd-Efg_123 and urn:li:fsd_profile:ACoAABcdEfg are one", "… and … are one"),
        ("it has 15728640 bytes: at most 1048576", "it has 15728640 bytes: at most 1048576"),
        ("at 2026-01-05T09:00:00.123456789Z", "at 2026-01-05T09:00:00.123456789Z"),
        ("(request req_01J9ZX123456789012)", "(request req_01J9ZX123456789012)"),
        (
            "request 8a7b6c5d-1234-4321-9876-123456789012",
            "request 8a7b6c5d-1234-4321-9876-123456789012",
        ),
        ("limit: 5 message per day, by recommended", "limit: 5 message per day, by recommended"),
    ],
)
def test_an_error_names_nobody_and_says_all_else(said, left):
    assert veiled(row(thread=TO, error=said)).error == left


@pytest.mark.parametrize(
    ("thread", "recipient", "left"),
    [
        (TO, "jo.x", None),
        (TO, "Jo", "Jo"),
        (TO, None, None),
        ("person\x1facc_1\x1f jo.x ", "jo.x", None),  # a name is kept without blanks
        ("chat\x1facc_1\x1fjo.x", "jo.x", "jo.x"),  # somebody's own word: no chat fills it in
        ("01J9ZX", "jo.x", "jo.x"),
    ],
)
def test_a_recipient_that_is_only_the_id_is_left_out(thread, recipient, left):
    assert veiled(row(thread=thread, recipient=recipient)).recipient == left


def test_where_nobody_knows_whom_an_error_names_only_its_first_words_stay():
    emptied = row(thread="01J9ZX", error="404 not_found: somebody is not there")
    assert veiled(emptied).error == "404 not_found"
    assert veiled(emptied, looked_for="somebody").error == "404 not_found: … is not there"
