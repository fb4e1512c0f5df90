"""Asking a health server (`ops.health`), from another process."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from triggerstream.errors import UnreachableError

TIMEOUT: Final = 10.0
"""Seconds that a process has to answer."""

_opener = build_opener(ProxyHandler({}))
"""What is asked for, and the token with it, is for that process alone: not for a proxy that the
environment names."""


class NotAskedError(UnreachableError):
    """Nobody listens there: the question did not reach anybody."""


def ask(
    name: str,
    url: str,
    token: str | None,
    *,
    body: bytes | None = None,
    timeout: float = TIMEOUT,
) -> Any | None:
    """Return what the health server answers, as JSON; ``None`` where it knows of nothing (404).

    Args:
        name: Of the process, as it is called in errors.
        url: Where, with the path.
        token: The admin token.
        body: With one, the question is a POST.
        timeout: Seconds that it has.

    Raises:
        NotAskedError: Nobody listens there.
        UnreachableError: It does not answer, or refuses; the message says why.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/octet-stream"
    try:
        question = Request(url, data=body, headers=headers)  # noqa: S310 - an address of ours
        with _opener.open(question, timeout=timeout) as answer:
            return json.load(answer)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        reason: object = _reason(error)
    except (URLError, TimeoutError, ConnectionError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ConnectionRefusedError):
            raise NotAskedError(_told(name, reason)) from error
    raise UnreachableError(_told(name, reason))


def customer_path(customer_id: str) -> str:
    """Return the path at which a customer is asked for."""
    return f"/customers/{quote(customer_id, safe='')}"


def _told(name: str, reason: object) -> str:
    return f"{name}: an answer from its health server; found: {reason}"


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
