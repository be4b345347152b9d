"""`postpress identify`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import msgspec

from postpress_async.cli.options import AsJson
from postpress_async.cli.output import print_facts, print_json
from postpress_async.identifiers import identify


def identify_(text: str, /, *, as_json: AsJson = False) -> None:
    """Say what kind of id a text is: an id, a phone number, a handle, a pasted link.

    Nobody is asked: it looks at the text alone.

    Args:
        text: what was typed or pasted.
        as_json: JSON instead of words.
    """
    known = identify(text)
    facts = msgspec.structs.asdict(known)
    if as_json:
        print_json(facts)
    else:
        print_facts([("value", known.value), *facts.items()])
