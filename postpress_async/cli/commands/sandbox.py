"""`postpress sandbox`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from postpress_async.cli.options import AsJson
from postpress_async.errors import ConfigurationError


def sandbox(
    *, host: str = "127.0.0.1", port: int = 0, seed: int = 1, as_json: AsJson = False
) -> int:
    """Serve an offline postpress until Ctrl-C or SIGTERM.

    Prints one line of JSON when it is ready: its address, its API key, and a page to look at it.

    Args:
        host: where to listen; this machine only.
        port: 0 takes a free one.
        seed: the world follows from it.
        as_json: makes no difference: the line is JSON in any case.
    """
    del as_json
    from postpress_async.sandbox import serve  # noqa: PLC0415 - a server is not light, --help is

    try:
        return serve(host, port, seed)
    except (OSError, ValueError, OverflowError) as error:
        msg = f"cannot serve at {host} port {port}: {error}"
        raise ConfigurationError(msg) from None
