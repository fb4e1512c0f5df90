"""Which process owns a customer: as the consumer group says, by where murmur2 places the id.

Each process names itself to the brokers by the address of its health server (`ops.client_id`), so
that the group's description is all that is needed to ask the right one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from triggerstream.core.records.placement import partition_of
from triggerstream.errors import UnreachableError
from triggerstream.ops.client_id import ClientId, parse_client_id

TIMEOUT = 10.0
"""Seconds that a process has to answer."""


def owner_among(
    members: Iterable[tuple[str, set[tuple[str, int]]]], topic: str, number: int
) -> ClientId | None:
    """Return the member to which partition *number* of *topic* is assigned.

    *members* are (client id, assigned partitions).
    """
    for client_id, assigned in members:
        if (topic, number) in assigned:
            return parse_client_id(client_id)
    return None


async def find_owner(
    options: Mapping[str, Any], *, group: str, topic: str, customer_id: str
) -> tuple[int, ClientId | None]:
    """Return the customer's partition of *topic*, and who in *group* owns it.

    Raises:
        UnreachableError: There is no such topic.
    """
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        [described] = await admin.describe_topics([topic])
        count = len(described["partitions"])
        if not count:
            msg = f"the topic {topic} on the brokers; found none: has a worker run here yet?"
            raise UnreachableError(msg)
        number = partition_of(customer_id.encode(), count)
        answers = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    members = [
        (member[1], _assigned(member[4]))
        for answer in answers
        for described_group in answer.groups
        for member in described_group[5]
    ]
    return number, owner_among(members, topic, number)


def _assigned(assignment: bytes) -> set[tuple[str, int]]:
    from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

    if not assignment:
        return set()
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return {(place.topic, place.partition) for place in decoded.partitions()}


def ask_owner(owner: ClientId, customer_id: str, token: str | None) -> dict[str, Any] | None:
    """Return what *owner* remembers of the customer, or ``None`` for nothing.

    Raises:
        UnreachableError: It does not answer, or refuses; the message says why.
    """
    url = f"http://{owner.host}:{owner.port}/customers/{quote(customer_id, safe='')}"
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        reason = _reason(error)
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = str(getattr(error, "reason", error))
    msg = f"{owner}: an answer from its health server; found: {reason}"
    raise UnreachableError(msg)


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
