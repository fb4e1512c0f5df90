"""Zones: known names, the machine's not asked, and local times that do not exist or exist twice."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core import zones
from triggerstream.core.timestamps import format_moment, parse_moment


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_an_iana_name_is_a_zone(name: str) -> None:
    found = zones.zone(name)

    assert found is not None
    assert found.key == name


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe/berlin", "Europe", "localtime", "../UTC", "\0"]
)
def test_anything_else_is_none(name: str) -> None:
    assert zones.zone(name) is None


@pytest.mark.parametrize(
    ("name", "local", "instant"),
    [
        ("UTC", "2026-03-01T10:00", "2026-03-01T10:00:00.000Z"),
        ("Europe/Berlin", "2026-03-01T10:00", "2026-03-01T09:00:00.000Z"),
        ("Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59:00.000Z"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00:00.000Z"),
        ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T01:00:00.000Z"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00:00.000Z"),
        ("Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:00:00.000Z"),
        ("Europe/Berlin", "2026-10-25T02:59", "2026-10-25T00:59:00.000Z"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00.000Z"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00.000Z"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00:00.000Z"),
    ],
)
def test_a_gap_moves_to_its_end_and_an_overlap_takes_the_first(
    name: str, local: str, instant: str
) -> None:
    zone = zones.zone(name)
    assert zone is not None

    assert format_moment(zones.instant(datetime.fromisoformat(local), zone)) == instant


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
    st.integers(parse_moment("1971-01-01T00:00:00Z"), parse_moment("2099-01-01T00:00:00Z")),
)
def test_the_instant_of_a_local_time_is_the_first_that_shows_it(name: str, at: int) -> None:
    zone = zones.zone(name)
    assert zone is not None
    local = zones.local_time(at, zone)

    found = zones.instant(local.replace(tzinfo=None, fold=0), zone)

    assert found <= at // 1000 * 1000
    assert zones.local_time(found, zone).replace(tzinfo=None, fold=0) == local.replace(
        tzinfo=None, fold=0
    )


def test_local_time_is_total() -> None:
    zone = zones.zone("Pacific/Kiritimati")
    assert zone is not None

    assert zones.local_time(10**30, zone).year == 9999
    assert zones.local_time(-(10**30), zone).year == 1969
