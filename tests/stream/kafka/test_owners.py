"""Finding the process that owns a customer."""

from __future__ import annotations

from triggerstream.ops.client_id import ClientId
from triggerstream.stream.kafka.owners import owner_among

EVENTS = "triggerstream.events.v1"
MEMBERS = [
    ("w1@10.0.0.1:81", {(EVENTS, 0), ("other", 1)}),
    ("w2@10.0.0.2:82", {(EVENTS, 1)}),
    ("some-client", {(EVENTS, 2)}),
]


def test_the_owner_is_the_member_with_the_partition_of_that_topic() -> None:
    assert owner_among(MEMBERS, EVENTS, 1) == ClientId("w2", "10.0.0.2", 82)


def test_a_partition_that_nobody_has_is_owned_by_nobody() -> None:
    assert owner_among(MEMBERS, EVENTS, 3) is None


def test_a_member_that_is_no_process_of_ours_cannot_be_asked() -> None:
    assert owner_among(MEMBERS, EVENTS, 2) is None
