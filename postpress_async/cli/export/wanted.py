"""What an export was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from postpress_async.cli.options import moment
from postpress_async.errors import ConfigurationError

from .rows import FORMATS, Format

if TYPE_CHECKING:
    from datetime import datetime

STDOUT: Final = "-"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Say what goes where.

    Attributes:
        to: where to, as it was typed.
        path: the file; None for stdout.
        form: `jsonl` or `csv`.
        state: what keeps how far it is; None where nothing does.
        chat: the chat.
        account: the account, where no chat is named.
        after: the option, as it was typed.
    """

    to: str
    path: Path | None
    form: str
    state: Path | None
    chat: str | None
    account: str | None
    after: str | None

    @classmethod
    def of(
        cls,
        *,
        to: str,
        chat: str | None,
        account: str | None,
        after: str | None,
        form: str | None,
        state: str | None,
    ) -> Self:
        """Return it, checked.

        Raises:
            ConfigurationError: nothing says the format, or two files would be one.
        """
        path = None if to == STDOUT else Path(to).absolute()
        named = None if path is None else path.suffix.lower().removeprefix(".")
        form = form or ("jsonl" if path is None else named)
        if form not in FORMATS:
            msg = f"--to must end in .jsonl or .csv, or give --format, not {to!r}"
            raise ConfigurationError(msg)
        kept = None if state is None else Path(state).absolute()
        if kept is None and path is not None:
            kept = path.with_name(path.name + ".export")
        if kept is not None and kept == path:
            msg = "--since-file and --to are the same file: name another one to keep the state in"
            raise ConfigurationError(msg)
        moment("--after", after)
        return cls(to=to, path=path, form=form, state=kept, chat=chat, account=account, after=after)

    @property
    def format(self) -> Format:
        """How the file is written."""
        return FORMATS[self.form]

    @property
    def target(self) -> str:
        """Where to, for good: a file by its whole path."""
        return STDOUT if self.path is None else str(self.path)

    @property
    def begin(self) -> datetime | None:
        """When the first message may be from."""
        return moment("--after", self.after)

    @property
    def scope(self) -> dict[str, str | None]:
        """What has to be the same whenever it is run again, by the names of its options."""
        return {"--chat": self.chat, "--account": self.account, "--after": self.after}
