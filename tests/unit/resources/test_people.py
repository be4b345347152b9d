"""Whoever is named: an id goes out as it is, or nothing goes out."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postpress_async import ConfigurationError
from postpress_async.resources._people import invited_id, messaging_id

PIECES = (
    "@ ACo AEM AA urn:li: company: https:// linkedin.com/in/ x.com/ t.me/ @lid @g.us +33 00 6 / é"
)
words = st.sampled_from([*PIECES.split(), "@s.whatsapp.net", " ", "\n", "\ud83d"])
texts = st.lists(words | st.text(max_size=4), max_size=6).map("".join)
providers = st.sampled_from([None, "LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER"])


@settings(max_examples=4 * settings().max_examples, deadline=None, database=None)
@given(texts, providers, st.sampled_from([messaging_id, invited_id]))
@example("+33600000000", None, messaging_id)
@example("", None, invited_id)
def test_any_text_is_an_id_or_refused_in_one_line(text, provider, take):
    try:
        id_ = take("to", text, provider=provider, account="acc_1")
    except ConfigurationError as error:
        said = str(error)
    else:
        said = ""
        id_.encode()
        assert id_.strip()
        assert id_ in text or "/" in text or "@" in text or text.lstrip().startswith(("+", "00"))
    assert "\n" not in said
    assert not said or "to" in said or "identifier" in said.lower()


@pytest.mark.parametrize("take", [messaging_id, invited_id])
@pytest.mark.parametrize("value", [None, 7, b"x", ["x"], {"id": "x"}, object()])
def test_what_is_no_person_is_refused(take, value):
    with pytest.raises(ConfigurationError, match=r"^to must be a person's id"):
        take("to", value, provider=None, account=None)
