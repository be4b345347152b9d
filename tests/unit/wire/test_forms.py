"""Fields of a form: brackets, repeated names, plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import ConfigurationError
from postpress_async.wire import forms

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


def leaves_of(value):
    if isinstance(value, dict):
        return sum(leaves_of(each) for each in value.values())
    if isinstance(value, list):
        return sum(leaves_of(each) for each in value)
    return value is not None


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"a": "x", "b": None, "c": ""}, [("a", "x"), ("c", "")]),
        ({"a": True, "b": False}, [("a", "true"), ("b", "false")]),
        ({"a": 1, "b": 1.25, "c": -0.5}, [("a", "1"), ("b", "1.25"), ("c", "-0.5")]),
        ({"a": ["x", "y"]}, [("a", "x"), ("a", "y")]),
        (
            {"a": {"b": {"c": "x"}, "d": ("y", "z")}},
            [("a[b][c]", "x"), ("a[d]", "y"), ("a[d]", "z")],
        ),
        ({"a": {}, "b": []}, []),
    ],
)
def test_names_are_nested_and_repeated_as_documented(values, fields):
    assert forms.fields(values) == fields


@given(st.dictionaries(st.text("ab", min_size=1), trees, max_size=4))
def test_nothing_that_is_said_is_lost(values):
    fields = forms.fields(values)
    assert len(fields) == leaves_of(values)
    assert all(isinstance(text, str) for _, text in fields)
    assert all(name.count("[") == name.count("]") for name, _ in fields)


@pytest.mark.parametrize("value", [b"x", object(), {1, 2}])
def test_what_no_form_carries_is_refused_by_its_name(value):
    with pytest.raises(ConfigurationError, match=r"a\[b\] must be text"):
        forms.fields({"a": {"b": value}})
