"""Templates fill in what a line says, word for word, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import ConfigurationError
from postpress_async.outbox.templates import Template, UnfilledError


def fill(text, **columns):
    return Template("text", text).fill(columns)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi {name}", "Hi Ada"),
        ("Hi { name }!", "Hi Ada!"),
        ("{name}{name}", "AdaAda"),
        ("{gone|you}", "you"),
        ("{empty|}.", "."),
        ("{name|you}", "Ada"),
        ("{{name}} {{{name}}}", "{name} {Ada}"),
        ("{First name}", "Grace"),
        ("{number} {zero}", "7 0"),
        ("no place", "no place"),
        ("{gone|a|b}", "a|b"),
    ],
)
def test_places_are_filled(text, said):
    columns = {"name": " Ada\r\n", "empty": " ", "number": 7, "zero": 0, "First name": "Grace"}
    assert Template("text", text).fill(columns) == said


def test_what_was_filled_in_is_no_template():
    assert fill("{a}", a="{b} {{ {0.__class__}", b="secret") == "{b} {{ {0.__class__}"


@pytest.mark.parametrize("place", ["a.b", "a.__class__", "a[0]", "a!r", "a:>9", "0", "a.__init__"])
def test_a_place_is_a_whole_name_never_a_part_of_something(place):
    with pytest.raises(UnfilledError, match="there is no such column") as caught:
        Template("text", f"{{{place}}}").fill({"a": "x"})
    assert caught.value.column == place
    assert Template("text", f"{{{place}}}").fill({place: "x"}) == "x"


@pytest.mark.parametrize("text", ["{", "}", "Hi {name", "Hi name}", "{}", "{ }", "{|x}", "{a{b}}"])
def test_a_template_that_cannot_be_one_is_refused_when_it_is_made(text):
    with pytest.raises(ConfigurationError, match=r"^text: the (brace|place) at character \d+"):
        Template("text", text)


def test_an_empty_or_misspelled_column_says_what_to_do():
    with pytest.raises(UnfilledError, match=r"is empty: .*\{name\|something\}"):
        fill("{name}", name=" ")
    with pytest.raises(UnfilledError, match="did you mean 'First Name'"):
        Template("text", "{first_name}").fill({"First Name": "Ada", "id": "1"})


@pytest.mark.parametrize("value", [True, ["a"], {"b": 1}])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(UnfilledError, match="must be a text or a number"):
        fill("{a|x}", a=value)


@given(st.text(), st.text(alphabet="ab{}|"))
def test_escaped_braces_come_back_whatever_stands_around(before, text):
    escaped = (before + text).replace("{", "{{").replace("}", "}}")
    assert Template("text", escaped).fill({}) == before + text


@given(st.text(alphabet="{}ab|. "))
def test_any_text_is_a_template_or_refused(text):
    try:
        made = Template("text", text)
    except ConfigurationError:
        return
    assert isinstance(made.fill(dict.fromkeys(made.places, "x")), str)
