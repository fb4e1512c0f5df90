"""User tokens: the shop's server says in the browser's hand who the customer is.

A token is ``ts1.<expiry>.<signature>``: the expiry in epoch seconds, and the URL-safe base64,
without padding, of HMAC-SHA256 over ``<customer>|<expiry>`` under the secret that the shop's server
and this process share. It is valid for the customer for whom it was made, for at most a day.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

VERSION: Final = "ts1"
LONGEST: Final = 24 * 3600
"""Seconds for which a token may be valid."""


def user_token(secret: bytes, customer: str, expiry: int) -> str:
    """Return the token that proves *customer* until *expiry* (epoch seconds, not included)."""
    signed = hmac.new(secret, f"{customer}|{expiry}".encode(), sha256).digest()
    return f"{VERSION}.{expiry}.{urlsafe_b64encode(signed).rstrip(b'=').decode()}"


class Proof:
    """What came as a user token, asked for each customer that a request names.

    Args:
        secret: ``None`` where none is set: then nothing is proof.
        token: As it came; ``None`` for none.
        now: Epoch seconds.
    """

    def __init__(self, secret: bytes | None, token: str | None, now: int) -> None:
        self._secret = secret
        self._token = token
        self._expiry, self._missing = _read(secret, token, now)
        self._known: dict[str, str] = {}

    def why_not(self, customer: str) -> str:
        """Return why this does not prove *customer*, or ``""`` where it does."""
        if self._missing or self._secret is None or self._token is None:
            return self._missing
        why_not = self._known.get(customer)
        if why_not is None:
            expected = user_token(self._secret, customer, self._expiry)
            found = self._token.encode(errors="surrogateescape")  # as a header's stray bytes are
            is_right = hmac.compare_digest(expected.encode(), found)
            why_not = self._known[customer] = "" if is_right else "a token that is not theirs"
        return why_not


def _read(secret: bytes | None, token: str | None, now: int) -> tuple[int, str]:
    """Return the expiry, and what was found instead of a token that can be valid."""
    if not token:
        return 0, "no user token"
    if secret is None:
        return 0, "a user token, but no TRIGGERSTREAM_INGEST__USER_SECRET is set"
    version, _, rest = token.partition(".")
    expiry, _, _ = rest.partition(".")
    if version != VERSION or not (expiry.isascii() and expiry.isdigit()) or len(expiry) > 12:
        return 0, f"a text that is no token ({VERSION}.EXPIRY.SIGNATURE)"
    at = int(expiry)
    if at <= now:
        return 0, "a token that has expired"
    if at > now + LONGEST:
        return 0, f"a token that is valid for more than {LONGEST // 3600} hours"
    return at, ""
