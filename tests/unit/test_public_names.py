"""The public surface: complete, documented, typed, and light to import."""

import ast
import functools
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import postpress_async

NAMES = Path(__file__).parent.parent / "data" / "public_names.txt"


def type_checked_imports():
    tree = ast.parse(Path(postpress_async.__file__).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("postpress_async"):
            for alias in node.names:
                yield node.module, alias.name


def test_the_names_are_those_that_were_promised():
    # A name that goes breaks somebody's import; one that comes is a promise. Both on purpose only.
    assert sorted(postpress_async.__all__) == NAMES.read_text("utf-8").split()


def test_the_lazy_names_are_those_that_type_checkers_see():
    seen = {name: module for module, name in type_checked_imports()}
    assert sorted(seen) == sorted(postpress_async.__all__) == postpress_async.__dir__()
    for name, module in seen.items():
        assert postpress_async._HOME_OF.get(name, "postpress_async.models") == module


@pytest.mark.parametrize("name", sorted(postpress_async.__all__))
def test_every_name_is_there_and_says_what_it_is(name):
    value = getattr(postpress_async, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value), name
        assert value.__module__.startswith("postpress_async")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Postpres"):
        postpress_async.Postpres  # noqa: B018 - asked for, not used


ROOMS = [
    name
    for name, member in vars(postpress_async.Postpress).items()
    if isinstance(member, functools.cached_property)
]


def public_methods():
    for name in ("Postpress", "Scheduler", "Paginator"):
        yield from members(getattr(postpress_async, name))
    for room in ROOMS:
        module = importlib.import_module(f"postpress_async.resources.{room}")
        yield from members(getattr(module, room.title()))


def members(cls):
    for name, member in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_"):
            yield pytest.param(member, id=f"{cls.__name__}.{name}")


@pytest.mark.parametrize("method", list(public_methods()))
def test_public_methods_are_documented_and_take_at_most_one_positional(method):
    assert inspect.getdoc(method)
    kinds = [parameter.kind for parameter in inspect.signature(method).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    if method.__qualname__ == "Messages.attachment":  # an attachment is found by two ids
        kinds.remove(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if method.__qualname__.startswith(tuple(room.title() for room in ROOMS)):
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= 2  # self and the id


HEAVY = ["aiohttp", "tenacity", "aiolimiter", "sqlite3", "yarl", "rich", "cyclopts", "email"]


def test_importing_and_making_a_client_loads_nothing_heavy():
    code = (
        "import sys, json\n"
        "from postpress_async import Postpress\n"
        "after_import = sorted(sys.modules)\n"
        "Postpress('key')\n"
        "print(json.dumps([after_import, sorted(sys.modules)]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    after_import, after_making = json.loads(out)
    assert not set(HEAVY) & set(after_import)
    assert not set(HEAVY) & set(after_making)
    assert "postpress_async.models" not in after_making
