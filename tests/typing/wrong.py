"""What must not type-check: each line is wrong, and the checkers must say so. Never run."""

from postpress_async import (
    KeyRate,
    Limit,
    LinkedInOptions,
    Postpress,
    Retries,
    SetReadStatus,
    Timeout,
    UnknownProfile,
)
from postpress_async.outbox import Outbox


async def wrong(client: Postpress) -> None:
    await client.users.get(42, account_id="acc_1")  # type: ignore[arg-type]
    await client.users.get("x", "acc_1")  # type: ignore[call-arg]
    await client.users.get("x", account="acc_1")  # type: ignore[call-arg]
    await client.users.get("x", linkedin_api="premium")  # type: ignore[arg-type]
    await client.messages.send("chat_1", "Hello")  # type: ignore[call-arg]
    await client.messages.send(chat_id="c", attachments="a.png")  # type: ignore[arg-type]
    await client.chats.start(to=7, text="Hi")  # type: ignore[arg-type]
    await client.chats.update("c", SetReadStatus())  # type: ignore[call-arg]
    await client.chats.update("c", action="setReadStatus")  # type: ignore[arg-type]
    LinkedInOptions(api="premium")  # type: ignore[arg-type]
    SetReadStatus("yes")  # type: ignore[arg-type]
    await client.chats.list()  # type: ignore[misc]
    for chat in client.chats.list():  # type: ignore[attr-defined]
        assert chat
    Postpress("key", "https://api.postpress.ai")  # type: ignore[call-arg]
    Postpress("key", max_wait="30")  # type: ignore[arg-type]
    Postpress("key", retries=3)  # type: ignore[arg-type]
    Timeout(5.0)  # type: ignore[call-arg]
    Retries(4)  # type: ignore[call-arg]
    KeyRate("50")  # type: ignore[arg-type]
    Limit("profile", "80")  # type: ignore[arg-type]
    user = await client.users.get("x", account_id="acc_1")
    assert user.headline  # type: ignore[union-attr]
    if isinstance(user, UnknownProfile):
        user.raw = {}  # type: ignore[misc]
    outbox = Outbox(client, "sqlite:///outbox.db")
    await outbox.message("chat", text="Hi")  # type: ignore[call-arg]
    await outbox.message(chat_id="c", text="Hi", not_before="tomorrow")  # type: ignore[arg-type]
    outbox.list(state="gone")  # type: ignore[arg-type]
    await outbox.vacuum(older_than="90d")  # type: ignore[arg-type]
