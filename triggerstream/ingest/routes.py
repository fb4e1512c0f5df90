"""The routes: the one table from which router, OpenAPI document and docs page are made."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from triggerstream.core.events.segment_spec import SEGMENT_TYPES
from triggerstream.ingest import items
from triggerstream.ingest.reading import GZIP

Auth = Literal["header", "query", "none"]
Door = Literal["events", "segment", "trigger", "beacon", "pixel", "told"]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query, or a header that a request may have."""

    name: str
    about: str
    where: Literal["query", "header"] = "query"
    is_required: bool = False


class Route(msgspec.Struct, frozen=True):
    """One method of one path.

    Attributes:
        door: What becomes of it (`ingest.app`).
        about: A sentence for people.
        auth: Where its key stands: in the ``Authorization`` header, in ``?k=``, or nowhere.
        takes: Media types of its body; none where it has none.
        statuses: Those that it answers beside those of `COMMON` and of its *auth*.
        example: A body, for people.
    """

    method: Literal["GET", "POST"]
    path: str
    door: Door
    about: str
    auth: Auth = "header"
    takes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    example: str = ""

    @property
    def answers(self) -> tuple[int, ...]:
        """Every status that it may answer, in order."""
        found = {*self.statuses, *COMMON}
        if self.auth != "none":
            found |= {400, 401, 403, 429, 503}
        if self.takes:
            found |= {408, 413, 415}
        return tuple(sorted(found))


COMMON: Final = (400, 404, 405, 417, 500)
"""What any request may be answered: it is no HTTP, the path or the method is not one, it expects
something else than 100-continue, or we have made a mistake."""
REASONS: Final = {
    200: "The events that are not in `rejected` are in the log.",
    204: "It was heard; nothing is said of the log.",
    400: "No event was accepted, or the request is no HTTP that can be read.",
    401: "No key, or none that is in force.",
    403: "The key may not be used from this page, or not for events of this type.",
    404: "There is nothing at this path.",
    405: "The path has no such method.",
    408: "The body did not come in time.",
    413: "The body, an event, or their number is too large.",
    415: "The body is of another media type, charset or encoding.",
    417: "The request expects something that we do not do.",
    429: "The key's rate or our memory is used up; Retry-After says when to send it again.",
    500: "A mistake of ours.",
    503: "The log does not answer, or there are too many connections; send it again.",
}
SEGMENT: Final = ("batch", *sorted(SEGMENT_TYPES))
IDEMPOTENCY: Final = "Idempotency-Key"
USER: Final = "X-Triggerstream-User"

_NAMES = Parameter(
    IDEMPOTENCY,
    "A name of 1 to 200 printable characters, of a request that may be repeated: its events "
    "without an id are named after it.",
    "header",
)
_USER = Parameter(USER, "The customer's user token, with a browser key.", "header")
_KEY = Parameter("k", "A browser key.", is_required=True)
_USER_IN_QUERY = Parameter("u", "The customer's user token.")
_PACKED = Parameter("Content-Encoding", f"{GZIP}, or nothing.", "header")


def _segment(kind: str) -> Route:
    what = "a batch of calls" if kind == "batch" else f"one call of kind {kind}"
    examples = {
        "track": '{"event": "Order Completed", "userId": "ada", "properties": {"total": 9.5}}',
        "batch": '{"batch": [{"type": "track", "event": "seen", "userId": "ada"}]}',
        "group": '{"userId": "ada", "groupId": "g1"}',
        "alias": '{"userId": "ada", "previousId": "anon_7"}',
    }
    return Route(
        "POST",
        f"/v1/{kind}",
        "segment",
        f"As Segment's libraries post {what}; the key is the write key.",
        takes=items.JSON,
        statuses=(200,),
        parameters=(_PACKED, _NAMES, _USER),
        example=examples.get(kind, '{"userId": "ada"}'),
    )


ROUTES: Final = (
    Route(
        "POST",
        "/v1/events",
        "events",
        'Events: one, an array, `{"events": [...]}`, or one a line; CloudEvents in each mode.',
        takes=(*items.JSON, *items.LINES, *items.STRUCTURED),
        statuses=(200,),
        parameters=(_PACKED, _NAMES, _USER),
        example='{"customer_id": "ada", "event_type": "seen", "event_data": {"n": 1}}',
    ),
    *map(_segment, SEGMENT),
    Route(
        "POST",
        "/trigger",
        "trigger",
        "`{event, userId, timestamp, ...rest}`: what is left is the event's data.",
        takes=items.JSON,
        statuses=(200,),
        parameters=(_PACKED, _NAMES, _USER),
        example='{"event": "cart_abandonment", "userId": "ada", "cartItems": [{"sku": "A"}]}',
    ),
    Route(
        "POST",
        "/v1/beacon",
        "beacon",
        "As `/v1/events`, for `navigator.sendBeacon`: answered at once, whatever the log does.",
        auth="query",
        takes=(*items.TEXT, *items.JSON),
        statuses=(204,),
        parameters=(_KEY, _USER_IN_QUERY),
        example='{"customer_id": "anon_7", "event_type": "page_left"}',
    ),
    Route(
        "GET",
        "/v1/p.gif",
        "pixel",
        "One event of an anonymous id, where there is no script: an image of one pixel.",
        auth="query",
        statuses=(200,),
        parameters=(
            _KEY,
            Parameter("e", "The event's type.", is_required=True),
            Parameter("a", "An anonymous id; `anon_` is put before it.", is_required=True),
            Parameter("d", "The event's data: a JSON object."),
        ),
    ),
    Route("GET", "/livez", "told", "Whether the process runs.", auth="none", statuses=(200,)),
    Route(
        "GET", "/readyz", "told", "Whether to send it requests.", auth="none", statuses=(200, 503)
    ),
    Route("GET", "/openapi.json", "told", "This document.", auth="none", statuses=(200,)),
)
