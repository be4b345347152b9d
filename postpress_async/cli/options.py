"""The options that commands share."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

from postpress_async.client import Postpress

AsJson: TypeAlias = Annotated[
    bool, Parameter(name="--json", negative="", help="JSON lines instead of tables.")
]
BaseUrl: TypeAlias = Annotated[
    str | None,
    Parameter(name="--base-url", help="Where the service is; else POSTPRESS_BASE_URL."),
]
AccountId: TypeAlias = Annotated[
    str, Parameter(name="--account", help="The connected account to look through.")
]
State: TypeAlias = Annotated[
    str | None,
    Parameter(name="--state", help="Where counts live; else POSTPRESS_STATE, else memory:."),
]
STATE: Final = "POSTPRESS_STATE"
"""The environment variable for who gives no `--state`."""


def client_at(base_url: str | None) -> Postpress:
    """Return a client with the key from POSTPRESS_API_KEY; a key is never an argument."""
    return Postpress(base_url=base_url)
