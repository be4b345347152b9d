"""What a service that refuses the key, or is not there, means to a worker, and who is told."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakSet

from postpress_async.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from postpress_async.client import Postpress
    from postpress_async.exchange.pipeline import Pipeline

__all__ = ["telling"]

_log = logging.getLogger("postpress_async.outbox")
_away: WeakSet[Pipeline] = WeakSet()
"""Those of which it was said that the service cannot be reached."""


@contextmanager
def telling(client: Postpress) -> Generator[None]:
    """Tell whoever runs a worker that its key is refused, or that nobody is there.

    A key that was never taken is a wrong setup, which no item can be blamed for. One that was is
    perhaps being changed just now: items are put off, and a warning says so. So does one where no
    connection is made: the first of an outage alone, and one more at its end.

    Raises:
        ConfigurationError: the service has not taken the key once.
        AuthenticationError: it has taken it before.
    """
    pipeline = client._pipeline  # noqa: SLF001 - of this package
    try:
        yield
    except AuthenticationError as error:
        _back(pipeline)
        if not pipeline.key_taken:
            msg = f"the service refuses the API key: check it, and the base URL ({error})"
            raise ConfigurationError(msg, scope="setup") from error
        _log.warning("the service refuses the API key now, which it took before: %s", error)
        raise
    except ConnectError as error:
        if pipeline not in _away:
            _away.add(pipeline)
            _log.warning("the service cannot be reached, and items wait: %s", error)
        raise
    except ResponseError:
        _back(pipeline)
        raise
    else:
        _back(pipeline)


def _back(pipeline: Pipeline) -> None:
    if pipeline in _away:
        _away.discard(pipeline)
        _log.warning("the service can be reached again")
