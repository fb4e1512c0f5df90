"""What nobody reads, and why all is kept."""

from __future__ import annotations

import orjson
import pytest

from triggerstream.authoring.observed import observe
from triggerstream.authoring.unread import Unread, lint_keep, unread
from triggerstream.core.parsing.directory import parse_ruleset

T = "{trigger: t, when: {event: A}, if: {profile.tier: {equals: gold}}}"
ORDERS = "{attribute: orders, count: buy}"
SEEN = observe(
    [
        orjson.dumps(
            {
                "customer_id": "c",
                "event_type": "identify",
                "timestamp": 1_767_225_600_000,
                "event_data": {
                    "tier": 1,
                    "name": "Ada",
                    "address": {"city": "Ulm"},
                    "sms_consent": 1,
                },
            }
        )
    ]
)


@pytest.mark.covers("N2")
def test_what_nobody_reads_is_listed() -> None:
    files = {"t.yaml": f"{T}\n---\n{ORDERS}", "policy.yaml": "keep: {read: name}"}

    found = unread(parse_ruleset(files), SEEN)

    assert found == Unread(["orders"], ["address"], is_kept=False)


def test_what_the_schema_of_identify_names_may_be_read_by_nobody() -> None:
    schema = '{"properties": {"tier": {}, "age": {}}}'
    files = {"t.yaml": T, "schemas/identify.json": schema}

    assert unread(parse_ruleset(files), None) == Unread([], ["age"], is_kept=True)


def test_where_the_profile_is_read_as_a_whole_nothing_is_unread() -> None:
    whole = "{trigger: w, when: {event: A}, then: [{webhook: {endpoint: crm}}]}"
    files = {"t.yaml": f"{T}\n---\n{ORDERS}\n---\n{whole}", "policy.yaml": "expiry: 1d\nkeep: read"}
    source = parse_ruleset(files)

    assert unread(source, SEEN) == Unread([], [], is_kept=True)
    (warned,) = lint_keep(files, source)
    assert f"{warned.problem} [{warned.code}]" == (
        "policy.yaml:2:1: keep: readers that say which attributes of the profile they read; found "
        "trigger 'w', whose webhook says no 'fields': so all of them are kept [keeps_all]"
    )


def test_who_keeps_all_is_not_warned() -> None:
    files = {"t.yaml": "{trigger: w, when: {event: A}, then: [{webhook: {endpoint: crm}}]}"}

    assert lint_keep(files, parse_ruleset(files)) == []
