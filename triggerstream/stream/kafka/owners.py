"""Which process owns a customer: as the consumer group says, by where murmur2 places the id.

Each process names itself to the brokers by the address of its health server (`ops.client_id`), so
that the group's description is all that is needed to ask the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from triggerstream.core.records.placement import partition_of
from triggerstream.errors import UnreachableError
from triggerstream.ops.client_id import ClientId, parse_client_id


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
    if not assignment:
        return set()
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return {(place.topic, place.partition) for place in decoded.partitions()}
