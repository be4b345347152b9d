"""A file of names that are not to be contacted: as it is when somebody may be written to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError
from postpress_async.outbox import do_not_contact

if TYPE_CHECKING:
    from pathlib import Path

    from postpress_async.client import Postpress
    from postpress_async.outbox import Decision, Guard, Item

__all__ = ["Blocked"]


class Blocked:
    """Know the names of a file, and those that are added while a worker runs, perhaps for weeks.

    It is read anew for each item: by its size and time alone, a change could be missed.

    Args:
        file: a name on each line. What is no file on a disk, such as a pipe, is read once.

    Raises:
        ConfigurationError: it cannot be read, or has no names.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bytes = self._read()
        self._names = self._names_in(self._bytes)
        self._lasts = file.is_file()

    def guard(self, client: Postpress) -> Guard:
        """Return what skips those whom the file names then.

        It raises ConfigurationError while the file cannot be read or has no names: nothing goes.
        """
        asked = do_not_contact(self._names, client=client)
        known = self._names

        async def ask(item: Item) -> Decision:
            nonlocal asked, known
            names = await self._now()
            if names is not known:
                known, asked = names, do_not_contact(names, client=client)
            return await asked(item)

        return ask

    async def _now(self) -> frozenset[str]:
        if self._lasts:
            said = await asyncio.to_thread(self._read)
            if said != self._bytes:  # both at once, or a bad file would count as known
                self._names, self._bytes = self._names_in(said), said
        return self._names

    def _read(self) -> bytes:
        try:
            return self._file.read_bytes()
        except (OSError, ValueError) as error:  # a NUL character is in no name
            why = getattr(error, "strerror", None) or error
            raise self._refusal(f"cannot be read: {why}") from None

    def _names_in(self, said: bytes) -> frozenset[str]:
        try:
            lines = said.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise self._refusal("cannot be read: it is not UTF-8") from None
        names = frozenset(name for line in lines if (name := line.strip()))
        if not names:
            why = "has no names: it may be half written; put them in, or leave the option out"
            raise self._refusal(why)
        return names

    def _refusal(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"--do-not-contact {self._file}: {why}".replace("\0", "\\0"))
