"""What a refused API key means to a worker: a wrong setup, or a key that worked a moment ago."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from postpress_async.errors import AuthenticationError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.client import Postpress

__all__ = ["telling"]

log = logging.getLogger("postpress_async.outbox")


@contextmanager
def telling(client: Postpress) -> Iterator[None]:
    """Tell whoever runs a worker that its key is refused.

    A key that was never taken is a wrong setup, which no item can be blamed for. One that was is
    perhaps being changed just now: items are put off, and a warning says so.

    Raises:
        ConfigurationError: the service has not taken the key once.
        AuthenticationError: it has taken it before.
    """
    try:
        yield
    except AuthenticationError as error:
        if not client._pipeline.key_taken:  # noqa: SLF001 - of this package
            msg = f"the service refuses the API key: check it, and the base URL ({error})"
            raise ConfigurationError(msg, scope="setup") from error
        log.warning("the service refuses the API key now, which it took before: %s", error)
        raise
