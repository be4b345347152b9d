"""The commands by name, and what becomes of whatever they raise."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Final, cast

from cyclopts import App, CycloptsError

from postpress_async._version import __version__
from postpress_async.errors import ConfigurationError, PostpressError

from .exits import Exit, exit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOME: Final = f"{__package__}.commands"
_HELP: Final = "Talk to postpress, or try it offline. The key comes from POSTPRESS_API_KEY."

_LIMITS: Final = {
    "show": (
        "Show the limits that hold, or how far an account has used them.",
        "--provider LINKEDIN",
        "--limits limits.toml",
        "acc_1 --used invite=30 --at 5h",
    ),
    "explain": (
        "Say what holds an account back now, until when, and what to do about it.",
        "acc_1",
        "acc_1 invite --used invite=80",
    ),
    "estimate": (
        "Tell how long some actions take at the least, and which limit binds.",
        "acc_1 invite 200",
        "anybody message 30 --provider WHATSAPP",
    ),
    "plan": (
        "Tell when several actions are done at the earliest, and how many on each day.",
        "acc_1 invite=200 message=50",
        "acc_1 invite=200 --limits human --tz Europe/Paris",
    ),
    "pause": (
        "Stop an account, or all with '*', in the state that their processes share.",
        'acc_1 --reason "the customer asked" --until 2h',
        "'*' --reason \"kill switch\"",
    ),
    "resume": (
        "Let an account go on, or all with '*', in the state that their processes share.",
        "acc_1",
        "'*'",
    ),
}
_EXPORT: Final = (
    "Write messages into a file; run again, it goes on where it stood, or adds what is new.",
    "--account acc_1 --to messages.jsonl",
    "--chat chat_1 --to chat.csv --after 30d",
    "--account acc_1 --to - --since-file acc_1.state",
)
_WRITES: Final = {
    "send": (
        "Send a message into a chat, or to a person.",
        '--chat chat_1 --account acc_1 "Hello"',
        '--to linkedin.com/in/jordan-walke --account acc_1 "Hello" --inmail --api classic',
        "--chat chat_1 --account acc_1 - --attach offer.pdf < text.txt",
    ),
    "invite": (
        "Invite somebody to connect, or follow them on Instagram.",
        "linkedin.com/in/jordan-walke --account acc_1",
        'jordan-walke --account acc_1 --message "Hello Jordan"',
    ),
}


_OUTBOX: Final = {
    "run": (
        "Send what may go, until Ctrl-C or SIGTERM.",
        "--outbox sqlite:///outbox.db --state sqlite:///counts.db",
        "--until-empty --stop-on-reply --do-not-contact blocked.txt",
    ),
    "list": ("List items.", "--only failed --only unknown", "--group spring --counts"),
    "show": ("Show an item, what keeps it, and what to do about it.", "spring/42 --text"),
    "retry": ("Queue items again that certainly did not go.", "spring/42", "--group spring"),
    "cancel": ("Take back what has not begun to go.", "spring/42", "--group spring"),
    "release": ("Let items go that were held.", "spring/42", "--group spring"),
    "resolve": ("Settle an item in doubt by what you have seen.", "spring/42 --not-sent"),
    "export": (
        "Write items to a file, each with what became of it.",
        "spring.csv --group spring",
        "--only failed --text",
    ),
    "edit": (
        "Change what an item says, or when it goes.",
        "spring/42 --text 'Hello Ada'",
        "spring/42 --not-before 2h --expires-at never",
    ),
    "status": ("Tell how it does, and how far a group is.", "--group spring", "--json"),
    "vacuum": ("Clear away what was over long ago.", "--older-than 365d", "--empty 30d"),
    "forget": ("Forget people, and refuse what comes later.", "lead-42"),
    "import": (
        "Put a file of CSV or JSON lines into the outbox.",
        "leads.csv --account-id acc_1 --text 'Hi {name|there}'",
        "leads.csv --key 'spring/{id}' --group spring",
        "leads.csv --kind invite --dry-run",
    ),
}

_CUT: Final = re.compile(r", \.\.\.$")  # how cyclopts ends a list that it has cut
_ROOMS: Final = {
    "edit": "outbox_edit",
    **dict.fromkeys(("export", "status", "vacuum", "forget"), "outbox_care"),
}


def make_app() -> App:
    """Return the program; a command's module is loaded when the command is called."""
    app = App(
        name="postpress",
        help=_HELP,
        version=__version__,
        help_formatter="plain",
        suppress_keyboard_interrupt=False,
    )
    app.command(f"{_HOME}.demo:demo", name="demo", help="Play a bad day offline, and judge it.")
    app.command(f"{_HOME}.sandbox:sandbox", name="sandbox", help="Serve an offline postpress.")
    words = "Check key, network, accounts, the store of counts and the outbox."
    app.command(f"{_HOME}.doctor:doctor", name="doctor", help=words)
    app.command(f"{_HOME}.identify:identify_", name="identify", help="Say what an id or link is.")
    users = App(name="users", help="Read profiles.", help_formatter="plain")
    users.command(f"{_HOME}.users:get", name="get", help="Read somebody's profile.")
    users.command(f"{_HOME}.users:me", name="me", help="Read an account's own profile.")
    accounts = App(name="accounts", help="See connected accounts.", help_formatter="plain")
    accounts.command(f"{_HOME}.accounts:list_", name="list", help="List all accounts.")
    accounts.command(f"{_HOME}.accounts:get", name="get", help="Read one account.")
    app.command(users)
    app.command(accounts)
    chats = App(name="chats", help="See conversations.", help_formatter="plain")
    chats.command(f"{_HOME}.chats:list_", name="list", help="List chats.")
    app.command(chats)
    app.command(_messages())
    for name, (told, *examples) in _WRITES.items():
        app.command(f"{_HOME}.{name}:{name}", name=name, help=_with_examples(told, name, examples))
    app.command(_limits())
    app.command(_outbox())
    return app


def _outbox() -> App:
    words = "Put in what is to be sent, send it when limits allow, and see what became of it."
    outbox = App(name="outbox", help=words, help_formatter="plain")
    for name, (told, *examples) in _OUTBOX.items():
        words = _with_examples(told, f"outbox {name}", examples)
        function = {"list": "list_", "import": "import_"}.get(name, name)
        room = _ROOMS.get(name, "outbox")
        outbox.command(f"{_HOME}.{room}:{function}", name=name, help=words)
    return outbox


def _limits() -> App:
    words = "See what limits hold an account back, and what it would take."
    limits = App(name="limits", help=words, help_formatter="plain")
    for name, (told, *examples) in _LIMITS.items():
        words = _with_examples(told, f"limits {name}", examples)
        limits.command(f"{_HOME}.limits:{name}", name=name, help=words)
    return limits


def _messages() -> App:
    messages = App(name="messages", help="Read messages, or export them.", help_formatter="plain")
    words = "List the messages of a chat or an account."
    messages.command(f"{_HOME}.messages:list_", name="list", help=words)
    told, *examples = _EXPORT
    words = _with_examples(told, "messages export", examples)
    messages.command(f"{_HOME}.messages:export", name="export", help=words)
    return messages


def _with_examples(told: str, command: str, examples: Sequence[str]) -> str:
    shown = "".join(f"\n    postpress {command} {one}" for one in examples)
    return f"{told}\n\nTry:\n{shown}"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code, and let nothing escape but a line of text."""
    # The library's warnings are for the logs of programs; here the error itself is shown.
    logging.getLogger("postpress_async").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no error
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(tokens)
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.REFUSED
    except (Exception, KeyboardInterrupt) as error:
        cause = _first(error)
        if arguments is None and isinstance(cause, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending: no second one in the words
        if sys.flags.dev_mode and not isinstance(cause, PostpressError | KeyboardInterrupt):
            raise
        from .output import complain  # noqa: PLC0415 - rich is loaded by what prints

        complain(_presentable(cause), as_json="--json" in tokens)
        return exit_of(cause)


def _run(tokens: list[str]) -> int:
    try:
        code: object = make_app()(
            tokens,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        words = _CUT.sub(", …", str(error)).rstrip(".")
        command = " ".join(("postpress", *(error.command_chain or ())))
        msg = f"{words}; see {command} --help"
        raise ConfigurationError(msg) from None
    return code if isinstance(code, int) else Exit.DONE


def _first(error: BaseException) -> BaseException:
    """Return what went wrong first, out of what several tasks raised."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _presentable(error: BaseException) -> BaseException:
    """Return an error whose words may be shown; one that is a bug may hold anything."""
    if isinstance(error, PostpressError | KeyboardInterrupt):
        return error
    return RuntimeError(
        f"a bug of postpress-async ({type(error).__name__}); to see where: "
        "python -X dev -m postpress_async.cli …; please report it"
    )
