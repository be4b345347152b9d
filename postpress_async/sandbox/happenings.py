"""What happens in the world by itself, and would make the real service call a webhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from .wire import JsonObject

Kind: TypeAlias = Literal["message_received", "new_relation", "account_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something happened to an account."""

    kind: Kind
    account_id: str
    about: JsonObject


Listener: TypeAlias = Callable[[Happening], None]
