"""Limits in files: what they say, and errors that name the file, the line and the remedy."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from postpress_async import ConfigurationError, Limit, Limits, Spacing, WarmUp, WorkingHours

GOOD = """\
# What the agency promised its customers.
base = "recommended"

[[limit]]
actions = ["invite", "invite_note"]
amount = 40
per = "day"
provider = "LINKEDIN"
keep = 5
burst = 2
source = "our contract"

[[limit]]
actions = ["invite", "invite_note"]
amount = 120
per = "week"
provider = "LINKEDIN"

[[limit]]
mode = "add"
actions = "profile"
amount = 500
per = 86_400.0
scope = "key"

[[spacing]]
least = 30
most = 90.5
provider = "LINKEDIN"

[[warm_up]]
start = 0.5
days = 10
actions = ["invite", "message"]

[[working_hours]]
hours = "09:00-12:30, 14:00-18:00"
tz = "Europe/Paris"
days = "mon-thu"

[[without]]
action = "other"
"""

EXPECTED = (
    Limits.recommended()
    .without("other")
    .replace(
        Limit(
            ("invite", "invite_note"),
            40,
            per="day",
            provider="LINKEDIN",
            keep=5,
            burst=2,
            source="our contract",
        ),
        Limit(("invite", "invite_note"), 120, per="week", provider="LINKEDIN"),
    )
    .add(
        Limit("profile", 500, per=86400.0, scope="key"),
        Spacing(30, 90.5, provider="LINKEDIN"),
        WarmUp(0.5, 10, actions=("invite", "message")),
        WorkingHours("09:00-12:30, 14:00-18:00", tz="Europe/Paris", days="mon-thu"),
    )
)


def test_a_file_says_what_the_methods_say(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert Limits.load(path) == Limits.load(str(path)) == Limits.loads(GOOD) == EXPECTED


def test_json_says_the_same(tmp_path):
    path = tmp_path / "LIMITS.JSON"
    path.write_text(json.dumps(tomllib.loads(GOOD)), encoding="utf-8")
    assert Limits.load(path) == EXPECTED
    assert Limits.loads(path.read_text(), format="json") == EXPECTED


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_marks_and_line_ends_of_other_systems_do_no_harm(tmp_path, ends):
    path = tmp_path / "limits.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", ends).encode())
    assert Limits.load(path) == EXPECTED


def test_the_bases():
    human = Limits.human(tz="Asia/Tokyo", hours="10:00-19:00", days="sat")
    text = 'base = "human"\ntz = "Asia/Tokyo"\nhours = "10:00-19:00"\ndays = "sat"'
    assert Limits.loads(text) == human
    assert Limits.loads('base = "none"') == Limits.none()
    assert Limits.loads("without = []") == Limits.recommended()


def test_a_row_takes_the_place_of_what_its_action_had_unless_it_says_add():
    instead = Limits.loads('[[limit]]\nactions = "post"\namount = 1')
    assert [row.amount for row in instead.rows_for("TWITTER", None, "post")] == [1]
    besides = Limits.loads('[[limit]]\nmode = "add"\nactions = "post"\namount = 1')
    assert [row.amount for row in besides.rows_for("TWITTER", None, "post")] == [50, 1]


LIMIT = '[[limit]]\nactions = "profile"\namount = 5\n'
HOURS = '[[working_hours]]\ntz = "UTC"\n'

BAD = {
    'base = "recomended"': "1: base must be 'recommended', 'human' or 'none', not 'recomended'",
    "base = 3": "1: base must be",
    "base = [1]": "1: base must be",
    '\nbase = "human"': (
        "2: base 'human' needs tz, the zone of the working hours: tz = \"Europe/Paris\""
    ),
    'base = "human"\ntz = "Paris"': (
        "2: tz must be a zone's name such as 'Europe/Paris', not 'Paris'; "
        "did you mean 'Europe/Paris'?"
    ),
    'base = "human"\ntz = "UTC"\nhours = "9-18"': "3: hours must be ranges such as",
    'tz = "UTC"': "1: tz at the top belongs to base 'human'; else write it in working_hours",
    "limits = []": "1: unknown name 'limits'; did you mean 'limit'?",
    "\n\nxyz = 1": "3: unknown name 'xyz'; known are base, tz, hours, days, limit",
    "[limit]\namount = 3": "1: limit must be a list of tables: write [[limit]] before each",
    "limit = [3]": "1: limit 1: must be a table of names and values, not 3",
    LIMIT + "\n" + LIMIT + "amount2 = 4": "8: limit 2: unknown name 'amount2'; did you mean",
    LIMIT + '[[limit]]\nactions = "profile"\nper = 3\namount = -1': (
        "7: limit 2: amount must be a whole number, 0 or more, not -1"
    ),
    LIMIT + 'mode = "ad"': "4: limit 1: mode must be 'replace' or 'add', not 'ad'",
    LIMIT + "mode = []": "4: limit 1: mode must be",
    "[[limit]]\namount = 3": "1: limit 1: actions is missing",
    '[[limit]]\namount = 3\nactions = "profil"': "3: limit 1: action 'profil' is not one of",
    '[[limit]]\namount = 3\nactions = ["post", 3]': "3: limit 1: action 3 is not one of",
    "[[limit]]\namount = 3\nactions = []": "3: limit 1: actions must name at least one action",
    "[[limit]]\namount = 3\nactions = 3": "3: limit 1: actions must be an action or a tuple",
    '[[limit]]\namount = 3\nactions = "read"': "3: limit 1: actions: `read` never reaches",
    LIMIT + 'per = "fortnight"': "4: limit 1: per must be seconds or one of second, minute",
    LIMIT + "per = 2026-01-01": "4: limit 1: per must be a number",
    LIMIT + "per = inf": "4: limit 1: per must be a finite number, not inf",
    LIMIT + "per = nan": "4: limit 1: per must be a number",
    LIMIT + f"per = {10**400}": "4: limit 1: per must be a number of seconds or days, and not so",
    LIMIT + f"keep = {10**400}": "4: limit 1: keep (1000",
    LIMIT + "per = {a = 1}": "4: limit 1: per must be a number",
    LIMIT + 'provider = "linkedin"': "4: limit 1: provider must be a wire word such as LINKEDIN",
    LIMIT + "provider = []": "4: limit 1: provider must be a wire word",
    LIMIT + 'tier = "gold"': "4: limit 1: tier must be one of free, premium",
    LIMIT + "keep = 6": "4: limit 1: keep (6) must not be above amount (5)",
    LIMIT + 'scope = "team"': "4: limit 1: scope must be 'account' or 'key', not 'team'",
    LIMIT + "scope = []": "4: limit 1: scope must be",
    LIMIT + "burst = 0": "4: limit 1: burst must be a whole number, 1 or more, not 0",
    LIMIT + "source = 4": "4: limit 1: source must be a text, not 4",
    LIMIT.replace("5", "2_000_000_000"): "3: limit 1: amount must be 1,000,000,000 or less",
    "[[spacing]]\nleast = 5\nmost = 2": "3: spacing 1: most (2) must not be below least (5)",
    "[[spacing]]\nleast = true\nmost = 2": "2: spacing 1: least must be a number",
    "[[spacing]]\nleast = 1": "1: spacing 1: most is missing",
    '[[spacing]]\nleast = 1\nmost = 2\naction = "x"': "4: spacing 1: action 'x' is not one of",
    "[[warm_up]]\nstart = 2": "2: warm_up 1: start must be 1 or less, not 2: 0.2 is a fifth",
    "[[warm_up]]\n[[warm_up]]\n# a week\nsteady = 22": (
        "4: warm_up 2: steady (22) must not be above days (21.0)"
    ),
    HOURS + 'hours = "9-18"': "3: working_hours 1: hours must be ranges such as '09:00-18:00'",
    HOURS + 'days = "mo-fr"': "3: working_hours 1: days must be days such as 'mon-fri'",
    "[[working_hours]]": "1: working_hours 1: tz is missing",
    '[[without]]\naction = "posts"': "2: without 1: action 'posts' is not one of",
    '[[without]]\naction = "post"\nprovider = "X"': "3: without 1: provider must be a wire word",
    'limit = [\n {actions = "post", amount = 1},\n {actions = "post", amount = "2"},\n]': (
        "3: limit 2: amount must be a whole number"
    ),
    'base = """\nnone"""\n[[limit]]\nactions = """\npost"""': "3: limit 1: amount is missing",
    "[[limit]]\nactions = \"post\" # 'a\namount = 'x'": "3: limit 1: amount must be",
    "base = ": "1: is not TOML: Invalid value",
    "base = 'none'\n\nbase = 'none'": "3: is not TOML: Cannot overwrite a value",
    'base = """\n': "2: is not TOML: Unterminated string",
    "a = " + "1" * 5000: " is not TOML: Exceeds the limit",
    "a = " + "[" * 5000: " is nested too deeply",
    " \n ": ' is empty; say at least which limits to start from: base = "none"',
    "# nothing yet": ' says nothing; say at least where to start: base = "recommended"',
    "x" * 70_000: " is too large; a file of limits has at most 64 KiB",
    "[[warm_up]]\n" * 1001: "1: warm_up is there more than 1,000 times",
    f"base = '{'x' * 5000}'": "1: base must be",
}


@pytest.mark.parametrize("text", BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_what_cannot_work_is_found_again(text):
    with pytest.raises(ConfigurationError) as caught:
        Limits.loads(text)
    assert str(caught.value).startswith("limits:" + BAD[text])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


BAD_JSON = {
    "[]": '1: must be an object, such as {"base": "recommended"}',
    "{}": " says nothing",
    '{\n "base": "none",\n "base": "human"}': "3: 'base' is there twice",
    '{"limit": {\n"amount": 3}}': "1: limit must be a list of tables: put it in [ ]",
    '{"limit": null}': "1: limit must be a list of tables: put it in [ ]",
    '{"limit": [\n{"actions": "post",\n "amount": {"a": [1, {"b": 2}]}}]}': (
        "3: limit 1: amount must be a whole number"
    ),
    '{"limit": [{"actions": "post", "amount": 1},\n {"actions": "post",\n "amount": 1,\n'
    ' "amount": 2}]}': "4: 'amount' is there twice",
    '{"spacing": [{"least": NaN, "most": 1}]}': "1: spacing 1: least must be a number",
    '{"spacing": [{"least": null, "most": 1}]}': "1: spacing 1: least must be a finite number",
    '{\n"base": none}': "2: is not JSON, column 9: Expecting value",
    '{"base": ' + "1" * 5000 + "}": " is not JSON: Exceeds the limit",
    "[" * 50_000: " is nested too deeply",
}


@pytest.mark.parametrize("text", BAD_JSON, ids=[f"{n}" for n in range(len(BAD_JSON))])
def test_what_cannot_work_in_json_is_found_again(text):
    with pytest.raises(ConfigurationError) as caught:
        Limits.loads(text, format="json")
    assert str(caught.value).startswith("limits:" + BAD_JSON[text])


def refusal(path):
    with pytest.raises(ConfigurationError) as caught:
        Limits.load(path)
    return str(caught.value)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(LIMIT + "kep = 1\n", encoding="utf-8")
    assert refusal(path) == f"{path}:4: limit 1: unknown name 'kep'; did you mean 'keep'?"


def test_files_that_cannot_be_read(tmp_path):
    assert refusal(tmp_path / "no.toml").endswith("no.toml: there is no such file")
    (tmp_path / "dir.toml").mkdir()
    assert "dir.toml: is a directory; name the file" in refusal(tmp_path / "dir.toml")
    assert "limits.yaml: a file of limits ends in .toml or .json" in refusal("limits.yaml")
    assert "limits: a file of limits ends in" in refusal("limits")
    assert "cannot be read: " in refusal("a\0b.toml")
    assert "cannot be read: " in refusal("x" * 5000 + ".toml")
    assert "path must be a file's name, not 3" in refusal(3)
    (tmp_path / "empty.toml").touch()
    assert "empty.toml: is empty; say at least" in refusal(tmp_path / "empty.toml")


def test_files_in_other_encodings(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_bytes(b'base = "none"\n# caf\xe9\n')
    assert f"{path}:2: is not UTF-8; save the file in that encoding" in refusal(path)
    path.write_bytes('base = "none"\n'.encode("utf-16"))
    assert f"{path}:1: is not UTF-8" in refusal(path)


def test_a_file_of_a_gigabyte_is_not_read(tmp_path):
    path = tmp_path / "limits.toml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert "is too large; a file of limits has at most 64 KiB" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "limits.toml")
    assert "is no ordinary file" in refusal(tmp_path / "limits.toml")


def test_other_formats_are_refused():
    with pytest.raises(ConfigurationError, match="format must be 'toml' or 'json', not 'yaml'"):
        Limits.loads("a: 1", format="yaml")
    with pytest.raises(ConfigurationError, match="text must be a str"):
        Limits.loads(3)


def test_the_files_of_the_guide_can_be_read():
    guide = Path(__file__).parents[3] / "docs" / "limits-in-files.md"
    found = re.findall(r"```(toml|json)[^\n]*\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert [kind for kind, _ in found] == ["toml", "json"]
    for kind, text in found:
        limits = Limits.loads(text, format=kind)
        assert limits.rows_for("LINKEDIN", None, "profile")[0].amount in {40, 80}
        assert len(limits.hours) == 1


def test_the_guide_names_every_field():
    guide = Path(__file__).parents[3] / "docs" / "limits-in-files.md"
    text = guide.read_text("utf-8")
    for table, kind in [("limit", Limit), ("spacing", Spacing), ("warm_up", WarmUp)]:
        (line,) = re.findall(rf"^\| `\[\[{table}\]\]` \|(.*?)\|", text, re.MULTILINE)
        fields = [*kind.__struct_fields__, *(["mode"] if kind is Limit else [])]
        assert set(re.findall(r"`(\w+)`", line)) == set(fields)


def test_the_guide_shows_the_errors_as_they_are():
    guide = Path(__file__).parents[3] / "docs" / "limits-in-files.md"
    said = re.findall(r"^limits:.*$", guide.read_text("utf-8"), re.MULTILINE)
    texts = ["[[limit]]\nactions = 'profile'\namont = 40", 'base = "human"\ntz = "Paris"']
    for text, line in zip(texts, said, strict=True):
        with pytest.raises(ConfigurationError) as caught:
            Limits.loads(text)
        assert str(caught.value) == line
