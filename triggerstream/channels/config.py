"""How the channels are set up. These are values: reading them from outside is not done here."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

import msgspec
from pydantic import SecretStr

Network = IPv4Network | IPv6Network


class EmailConfig(msgspec.Struct, frozen=True):
    """A mail server, and who writes.

    Attributes:
        security: ``starttls`` refuses a server that does not offer it.
        from_address: ``news@shop.example`` or ``Shop <news@shop.example>``; the name is literal
            text, whatever it looks like. So it is with `reply_to`.
        unsubscribe_url: Where a customer unsubscribes; the action's id is added as ``?id=``.
    """

    host: str
    from_address: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    reply_to: str | None = None
    unsubscribe_url: str | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """Where a webhook goes, and the secrets that sign it, newest first; none: it is not signed."""

    url: str
    secrets: tuple[SecretStr, ...] = ()


class WebhookConfig(msgspec.Struct, frozen=True):
    """Endpoints by name, and the networks that may be dialled although they are not public."""

    endpoints: dict[str, Endpoint]
    allow_networks: tuple[Network, ...] = ()


class ChannelsConfig(msgspec.Struct, frozen=True):
    """All channels; what is ``None`` is not there, and its actions fail as ``no_provider``.

    Attributes:
        attempt_timeout: Seconds that one call may take.
    """

    email: EmailConfig | None = None
    webhook: WebhookConfig | None = None
    attempt_timeout: float = 10.0
