"""Files into an outbox: the two questions that users ask, put to what an `Outbox` stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError, NotFoundError
from postpress_async.options import of_kind

from .importing import Importer
from .recipes import Recipe
from .sources import How

if TYPE_CHECKING:
    from collections.abc import Callable

    from .outbox import Outbox
    from .reports import Imported, ImportForecast
    from .sheets import Format
    from .sources import Source

__all__ = ["import_items", "preview_import"]


async def import_items(
    outbox: Outbox,
    *,
    source: Source,
    recipe: Recipe,
    format: Format | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    most_problems: int = 20,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Put a file into an outbox: every line is checked before the first one is queued.

    Lines are queued in batches of 100, in the order of the file. Whatever cuts it off, import the
    file again: each line's key stands for its item, so what is there is not queued twice. Some 130
    bytes are held for each line, whatever it says.

    Args:
        outbox: where to.
        source: a path to CSV or JSON lines, or mappings from an iterator or async iterator.
        recipe: what becomes of a line.
        format: `csv` or `jsonl`; None to tell by the name, else by how it begins.
        encoding: None for UTF-8, or what a byte order mark says.
        delimiter: of CSV; None for what the head has most of: comma, semicolon, tab, bar.
        most_problems: of lines that cannot be queued, so many are listed.
        progress: told, after each batch, how many lines were taken, of how many.

    Raises:
        ImportRefusedError: lines cannot be queued, so nothing was; it lists them.
        ConfigurationError: the file cannot be read, or was changed while it was.
        StateUnavailableError: the store cannot be used: import it again when it can.
        PostpressError: an account of the file cannot be looked up; nothing was queued.

    Examples:
        >>> from postpress_async.outbox import Outbox, Recipe, import_items
        >>> recipe = Recipe(account_id="acc_1", text="Hi {name|there}", key="spring/{id}")
        >>> lines = [{"id": "1", "chat_id": "chat_1", "name": "Ada"}]
        >>> async with Outbox(client, "sqlite:///outbox.db") as outbox:
        ...     await import_items(outbox, source=lines, recipe=recipe)
        Imported(lines=1, queued=1, already=0, forgotten=0, refusals=0)
    """
    of_kind("recipe", recipe, Recipe, "Recipe(text='Hi {name}')")
    how = How(
        format=format,
        encoding=encoding,
        delimiter=delimiter,
        most_problems=most_problems,
        progress=progress,
    )
    return await _importer(outbox).load(source, recipe, how)


async def preview_import(
    outbox: Outbox,
    *,
    source: Source,
    recipe: Recipe,
    format: Format | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    most_problems: int = 20,
) -> ImportForecast:
    """Check a file as `import_items` does, and tell what would be queued, and when it could go.

    Nothing is queued and nothing is sent; accounts whose provider is not known yet are read.

    Args:
        outbox: where to.
        source: as in `import_items`, which reads it anew.
        recipe: what becomes of a line.
        format: `csv` or `jsonl`.
        encoding: None for UTF-8, or what a byte order mark says.
        delimiter: of CSV.
        most_problems: of lines that cannot be queued, so many are listed.

    Raises:
        ImportRefusedError, ConfigurationError, StateUnavailableError, PostpressError: as in
            `import_items`.
    """
    of_kind("recipe", recipe, Recipe, "Recipe(text='Hi {name}')")
    how = How(format=format, encoding=encoding, delimiter=delimiter, most_problems=most_problems)
    return await _importer(outbox).preview(source, recipe, how)


def _importer(outbox: Outbox) -> Importer:
    client = outbox._client  # noqa: SLF001 - of this package

    async def provider_of(account_id: str) -> str | None:
        known = client.scheduler.lane(account_id).provider
        if known is not None:
            return known
        try:
            return (await client.accounts.get(account_id)).provider
        except NotFoundError:
            msg = f"account_id {account_id!r} is none of this key's: see `postpress accounts list`"
            raise ConfigurationError(msg) from None

    return Importer(
        outbox._store,  # noqa: SLF001 - of this package
        new_id=outbox._new_id,  # noqa: SLF001 - of this package
        provider_of=provider_of,
        plan=client.scheduler._planned,  # noqa: SLF001 - of this package
        tell=outbox._listeners.tell,  # noqa: SLF001 - of this package
    )
