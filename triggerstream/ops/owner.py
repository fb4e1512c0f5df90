"""What the owner of an installation may ask of a process, over its health server.

=======================  ===================================================================
``GET /customers/<id>``  what is remembered of one customer
``POST /v1/append``      append records to the log, where no one else may: the process is the
                         log's only writer. The body is MessagePack, a list of ``[topic, key,
                         value, [[header, value], …]]``, of which key, value and a header's value
                         may be nil; answered when they are durable
=======================  ===================================================================

Customers' data is given to who has the admin token, or, where none is set, to this machine only:
to who calls it by its own name, since a page of another site may have its name lead here.
Nothing is appended without the token. Both are asked of the process's event loop.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from triggerstream.core.records.record import Produce
from triggerstream.errors import TooLargeError, TriggerstreamError
from triggerstream.ops.answers import Answer, as_json, refusal

PATHS: Final = ("/customers/<id>",)
APPEND: Final = "/v1/append"
MOST: Final = 64 << 20
"""Bytes of the largest body."""
WRITABLE: Final = ("events", "inbox", "rulesets")
"""The topics that may be appended to; all others are what the programs say."""

Inspect = Callable[[str], Any]
"""Return what is remembered of a customer, as JSON-able data, or ``None`` for nothing.

Called in the server's threads: it must hand the question to the event loop and wait, and raise
`TimeoutError` when the loop does not answer, `LookupError` when this process does not own the
customer's partition.
"""

Append = Callable[[Sequence[Produce]], Sequence[tuple[str, int, int]]]
"""Append records, and return (topic, offset of the first, count) of each stretch of them.

Called in the server's threads, as `Inspect` is. Raises `TriggerstreamError` where they could not
be appended, `TooLargeError` where they never can, and `TimeoutError` where that is not known.
"""


class _Row(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A record as it is sent: Kafka's header values are bytes, and may be null."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Owner:
    """Answers an owner.

    Args:
        inspect: Asks for one customer; ``None`` where the process has none to show.
        append: Appends to the log; ``None`` where others may, as on Kafka.
        token: The admin token.
        also: Another one that is as good.
        shows_customers: Whether customers may be shown where no token is set.
    """

    def __init__(
        self,
        *,
        inspect: Inspect | None = None,
        append: Append | None = None,
        token: str | None = None,
        also: str | None = None,
        shows_customers: bool = False,
    ) -> None:
        self._inspect = inspect
        self._append = append
        self._tokens = [each for each in (token, also) if each is not None]
        self._shows_customers = shows_customers

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are there, for people."""
        return PATHS if self._append is None else (*PATHS, f"POST {APPEND}")

    def get(self, path: str, authorization: str, host: str = "") -> Answer | None:
        """Return the answer to a ``GET``, or ``None`` where there is nothing at *path*.

        Args:
            host: By what name this machine was called.
        """
        match path.split("/")[1:]:
            case ["customers", name] if name and self._inspect is not None:
                if not self._may_see(authorization, host):
                    return _no_token()
                return _customer(self._inspect, unquote(name))
            case _:
                return None

    def may_post(self, path: str, authorization: str) -> bool:
        """Return whether the body of a ``POST`` is of any use: else `post` does not look at it."""
        return path == APPEND and self._append is not None and self._has_token(authorization)

    def post(self, path: str, authorization: str, body: bytes) -> Answer | None:
        """Return the answer to a ``POST``, or ``None`` where there is nothing at *path*."""
        if path != APPEND or self._append is None:
            return None
        if not self._has_token(authorization):
            return _no_token()
        try:
            records = _read(body)
        except (msgspec.DecodeError, ValueError) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        try:
            appended = self._append(records)
        except TimeoutError:
            return refusal(
                HTTPStatus.GATEWAY_TIMEOUT, "the records were not durable in time; they may be yet"
            )
        except TriggerstreamError as error:
            # Who says it again would be refused again where it is too large.
            status = HTTPStatus.SERVICE_UNAVAILABLE
            if isinstance(error, TooLargeError):
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return refusal(status, str(error))
        fields = ("topic", "base_offset", "count")
        told = [dict(zip(fields, stretch, strict=True)) for stretch in appended]
        return as_json(HTTPStatus.OK, {"appended": told})

    def _may_see(self, authorization: str, host: str) -> bool:
        if self._tokens:
            return self._has_token(authorization)
        return self._shows_customers and _is_own_name(host)

    def _has_token(self, authorization: str) -> bool:
        found = authorization.encode()
        return any(hmac.compare_digest(found, f"Bearer {own}".encode()) for own in self._tokens)


def _customer(inspect: Inspect, customer_id: str) -> Answer:
    try:
        found = inspect(customer_id)
    except LookupError as error:
        return refusal(HTTPStatus.MISDIRECTED_REQUEST, str(error))
    except TimeoutError:
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the event loop did not answer in time")
    if found is None:
        return refusal(HTTPStatus.NOT_FOUND, "nothing is remembered of this customer")
    return as_json(HTTPStatus.OK, found)


def _is_own_name(host: str) -> bool:
    """Return whether *host*, as a ``Host`` header says it, can be nobody's name but this
    machine's."""
    try:
        name = urlsplit(f"//{host}").hostname
        return name in (None, "localhost") or bool(ip_address(name))
    except ValueError:
        return False


def pack(records: Sequence[Produce]) -> bytes:
    """Return the body that asks for *records* to be appended."""
    rows = [_Row(each.topic, each.key, each.value, each.headers) for each in records]
    return msgspec.msgpack.encode(rows)


def _read(body: bytes) -> list[Produce]:
    """Return the records that *body* asks for.

    Raises:
        ValueError: One is for a topic that may not be written to.
        msgspec.DecodeError: The body is something else.
    """
    rows = msgspec.msgpack.decode(body, type=list[_Row])
    for row in rows:
        if row.topic not in WRITABLE:
            wanted = ", ".join(WRITABLE)
            raise ValueError(f"a topic: required is one of {wanted}; found {row.topic[:100]!r}")
    return [Produce(row.topic, 0, row.key, row.value, row.headers) for row in rows]


def _no_token() -> Answer:
    error = "required is the admin token: TRIGGERSTREAM_HTTP__ADMIN_TOKEN, or, of a directory"
    error += " that `triggerstream up` runs, what its file .triggerstream/token holds"
    return refusal(HTTPStatus.UNAUTHORIZED, error)
