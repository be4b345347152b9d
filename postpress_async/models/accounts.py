"""A connected account, and how it is doing."""

from typing import ClassVar

from msgspec import field

from ._base import Flag, Many, Model, Part, empty_list, first_text, lists_never_null

# Worst first; a status that is not listed ranks between a stop and a start.
_SEVERITY = ("CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED", "", "CONNECTING", "OK")
_TIERS = ("recruiter", "sales_navigator", "premium")


class _Discreet(Part, frozen=True, kw_only=True):
    """A struct whose secrets stay out of `repr`, of rich's too; the fields themselves have them."""

    _secrets: ClassVar[frozenset[str]] = frozenset()

    def __rich_repr__(self) -> list[tuple[str, object]]:
        shown: list[tuple[str, object]] = []
        for name in self.__struct_fields__:
            value: object = getattr(self, name)
            hidden = name in self._secrets and value is not None
            shown.append((name, "***" if hidden else value))
        return shown

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


class AccountProxy(_Discreet, frozen=True, kw_only=True):
    """The proxy an account goes through; user name and password stay out of its `repr`.

    Attributes:
        source: Whose proxy it is; absent for one chosen by `country`.
    """

    _secrets: ClassVar[frozenset[str]] = frozenset({"username", "password"})

    country: str | None = None
    source: str | None = None
    host: str | None = None
    port: int | None = None
    protocol: str | None = None
    username: str | None = None
    password: str | None = None


class AccountOrganization(Part, frozen=True, kw_only=True):
    """A LinkedIn organization whose mailbox the account may use."""

    name: str | None = None
    messaging_enabled: Flag = None
    mailbox_urn: str | None = None
    organization_urn: str | None = None


@lists_never_null
class MessagingConnection(Part, frozen=True, kw_only=True):
    """The messaging side of an account; which keys come depends on its type.

    Attributes:
        phone_number: WHATSAPP and MOBILE.
        sim_serial_number: MOBILE.
        id: LINKEDIN, TWITTER, INSTAGRAM and MESSENGER.
        premiumId: LINKEDIN; also seen as `premiumContractId`.
        premiumFeatures: LINKEDIN: `recruiter`, `sales_navigator`, `premium`; see `Account.tier`.
        user_id: TELEGRAM and SLACK.
    """

    phone_number: str | None = None
    sim_serial_number: str | None = None
    id: str | None = None
    username: str | None = None
    publicIdentifier: str | None = None  # noqa: N815 - the wire's spelling
    connection_method: str | None = None
    premiumId: str | None = None  # noqa: N815 - the wire's spelling
    premiumContractId: str | None = None  # noqa: N815 - the wire's spelling
    premiumFeatures: list[str] | None = None  # noqa: N815 - None is "not told", [] is "none"
    organizations: Many[AccountOrganization] = field(default_factory=empty_list)
    proxy: AccountProxy | None = None
    user_id: str | None = None
    url: str | None = None
    user: str | None = None
    team: str | None = None
    team_id: str | None = None


class CallConnection(Part, frozen=True, kw_only=True):
    """The telephone side of a MOBILE account."""

    phone_number: str | None = None
    sim_serial_number: str | None = None


class MailConnection(Part, frozen=True, kw_only=True):
    """The mail side of an account.

    Attributes:
        imap_encryption: `tls`, `ssl`, `starttls` or `default`.
    """

    id: str | None = None
    username: str | None = None
    imap_host: str | None = None
    imap_port: int | None = None
    imap_user: str | None = None
    imap_encryption: str | None = None
    smtp_host: str | None = None
    smtp_port: int | None = None
    smtp_user: str | None = None


class CalendarConnection(Part, frozen=True, kw_only=True):
    """The calendar side of an account."""

    id: str | None = None
    username: str | None = None


class ConnectionParams(Part, frozen=True, kw_only=True):
    """What an account connects with, by service.

    Attributes:
        im: Messaging.
        calendar: An object or, for GOOGLE_CALENDAR, a text.
    """

    im: MessagingConnection | None = None
    call: CallConnection | None = None
    mail: MailConnection | None = None
    calendar: CalendarConnection | str | None = None


class AccountSource(Part, frozen=True, kw_only=True):
    """One connection of an account, such as one of LinkedIn's products.

    Attributes:
        status: `OK`, `CONNECTING`, `STOPPED`, `ERROR`, `PERMISSIONS` or, when new ones are needed,
            `CREDENTIALS`.
    """

    id: str | None = None
    status: str | None = None


class AccountSignature(Part, frozen=True, kw_only=True):
    """A mail signature."""

    title: str | None = None
    content: str | None = None


@lists_never_null
class Account(Model, frozen=True, kw_only=True):
    """An account that is connected to postpress.

    `raw` shows everything, a proxy's password too; `repr` does not.

    Source: Retrieve an account.

    Attributes:
        type: The provider's word in this context: `LINKEDIN`, `GOOGLE_OAUTH`, `MAIL` …, open-ended.
        sources: The connections behind it, each with a status; `status` sums them up.
        last_fetched_at: MOBILE only.
    """

    object: str | None = None
    type: str | None = None
    id: str | None = None
    name: str | None = None
    created_at: str | None = None
    connection_params: ConnectionParams | None = None
    current_signature: str | None = None
    signatures: Many[AccountSignature] = field(default_factory=empty_list)
    groups: Many[str] = field(default_factory=empty_list)
    sources: Many[AccountSource] = field(default_factory=empty_list)
    last_fetched_at: str | None = None
    sync_token: str | None = None

    @property
    def provider(self) -> str | None:
        """The type in capitals, as everywhere else in this SDK."""
        return self.type.upper() if self.type else None

    @property
    def status(self) -> str:
        """The worst status of all sources; `OK` where none complains."""
        words = [source.status.upper() for source in self.sources if source.status]
        return min(words, key=_severity, default="OK")

    @property
    def is_ok(self) -> bool:
        """Whether every source runs."""
        return self.status == "OK"

    @property
    def tier(self) -> str | None:
        """What LinkedIn sells to this account: `recruiter`, `sales_navigator`, `premium` or `free`.

        The highest of several; None when the answer does not tell, which is not the same as free.
        """
        im = self.connection_params.im if self.connection_params else None
        if im is None or self.provider != "LINKEDIN":
            return None
        if im.premiumFeatures is not None:
            features = {feature.lower() for feature in im.premiumFeatures}
            return next((tier for tier in _TIERS if tier in features), "free")
        # A contract without a list of features is a paid product, and premium the least of them.
        return "premium" if first_text(im.premiumId, im.premiumContractId) else None


def _severity(status: str) -> int:
    return _SEVERITY.index(status if status in _SEVERITY else "")
