"""The pages of the documentation, cut into blocks, and what their examples stand on.

Every block of Python in README.md and docs/ runs, in order, as one notebook a page: `await` works
at the top, and what one block defines the next one has. Prepared are `client`, a client of a
sandbox of the page's own, and `sandbox` itself. `acc_1` and the like in an example stand for ids of
that sandbox. Not run: a fence with a title, such as ```python title="sketch".
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, NamedTuple

from postpress_async import Postpress, Sandbox

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

    from postpress_async import Limits

_FENCE = re.compile(
    r"^(?P<margin> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=margin)```", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """One fenced block."""

    line: int
    language: str
    title: str
    code: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        language, _, rest = found["info"].strip().partition(" ")
        margin = len(found["margin"])
        lines = [line[margin:] for line in found["body"].splitlines()]
        line = text.count("\n", 0, found.start()) + 2
        title = re.search(r'title="([^"]*)"', rest)
        yield Block(line, language, title[1] if title else "", "\n".join(lines) + "\n")


def stand_ins(sandbox: Sandbox) -> dict[str, str]:
    """Return what the ids of the examples stand for."""
    accounts = sandbox.world()["accounts"]
    first = {}
    for account in accounts:
        first.setdefault(account["provider"], account)
    ids = {
        "acc_1": first["LINKEDIN"]["id"],
        "acc_2": [a for a in accounts if a["provider"] == "LINKEDIN"][1]["id"],
        "acc_whatsapp": first["WHATSAPP"]["id"],
        "acc_instagram": first["INSTAGRAM"]["id"],
        "acc_telegram": first["TELEGRAM"]["id"],
        "acc_x": first["TWITTER"]["id"],
        "chat_1": first["LINKEDIN"]["chats"][0],
        "chat_2": first["LINKEDIN"]["chats"][1],
        "chat_whatsapp": first["WHATSAPP"]["chats"][0],
        "chat_whatsapp_2": first["WHATSAPP"]["chats"][1],
    }
    for name, provider in {"whatsapp": "WHATSAPP", "instagram": "INSTAGRAM"}.items():
        ids[f"person_on_{name}"] = first[provider]["people"][0]
    ids |= {"person_on_telegram": first["TELEGRAM"]["people"][0]}
    ids |= {"person_on_x": first["TWITTER"]["people"][0]}
    return ids


class Notebook:
    """Runs the blocks of one page."""

    def __init__(
        self,
        page: Path,
        sandbox: Sandbox,
        runner: asyncio.Runner,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._page = page
        self._runner = runner
        self._ids = stand_ins(sandbox)
        self._client = Postpress(clock=sandbox.clock, limits=limits)
        self.names: dict[str, object] = {
            "__name__": "__main__", "client": self._client, "sandbox": sandbox
        }  # fmt: skip

    def run(self, block: Block) -> None:
        """Run one block; a failure shows the page and the line."""
        code = re.sub(
            r"\b(?:acc|chat|person_on)_\w+\b", lambda m: self._ids.get(m[0], m[0]), block.code
        )
        compiled = compile(
            "\n" * (block.line - 1) + code,
            str(self._page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        result = eval(compiled, self.names)
        if inspect.iscoroutine(result):
            self._runner.run(result)

    def close(self) -> None:
        """Close the client that was prepared."""
        self._runner.run(self._client.aclose())
