"""Which zone a customer is in, and how that is known (85)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from triggerstream.core.events.event import Event
from triggerstream.core.zones import zone

Rule = Literal[
    "profile.timezone", "newest timezone", "profile.country", "newest country", "policy.timezone"
]


class Found(NamedTuple):
    """A customer's zone, and the rule that gave it."""

    zone: ZoneInfo
    rule: Rule


class Said(NamedTuple):
    """What events have said last of where a customer is; ``None`` where none has said it.

    Attributes:
        timezone: An IANA name that there is.
        country: A text.
    """

    timezone: str | None = None
    country: str | None = None


NOTHING = Said()


def hear(said: Said, event: Event) -> Said:
    """Return what is known after *event*, which is the newest.

    The zone is ``location_data.timezone``, or else ``metadata.timezone``, which is where the
    ``context`` of a Segment call stands. A name that is no zone says nothing.
    """
    where = event.location_data or {}
    timezone = _name(where.get("timezone")) or _name((event.metadata or {}).get("timezone"))
    country = where.get("country")
    return Said(timezone or said.timezone, country if type(country) is str else said.country)


def find_zone(profile: Mapping[str, Any], said: Said, default: ZoneInfo) -> Found:
    """Return the zone of a customer: that of the first of these that names one.

    ``profile.timezone``; the newest that an event has said; the only zone of ``profile.country``;
    the only zone of the newest country; *default*, the policy's.
    """
    for name, rule in _named(profile, said):
        found = zone(name) if type(name) is str else None
        if found is not None:
            return Found(found, rule)
    return Found(default, "policy.timezone")


def _named(profile: Mapping[str, Any], said: Said) -> tuple[tuple[Any, Rule], ...]:
    return (
        (profile.get("timezone"), "profile.timezone"),
        (said.timezone, "newest timezone"),
        (only_zone_of(profile.get("country")), "profile.country"),
        (only_zone_of(said.country), "newest country"),
    )


def only_zone_of(country: Any) -> str | None:
    """Return the zone of a *country*, an ISO 3166 code of two letters such as ``FR``, in upper or
    lower case; ``None`` where it has several, or there is no such country."""
    return _only_zones().get(country.upper()) if type(country) is str else None


@cache
def _only_zones() -> dict[str, str]:
    """Return the countries of ``zone1970.tab`` that stand in one row, with its zone.

    Its rows are zones whose clocks agree since 1970, each with the countries that keep it.
    """
    zones: dict[str, list[str]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone1970.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            countries, _, name, *_ = line.split("\t")
            for country in countries.split(","):
                zones.setdefault(country, []).append(name)
    return {country: names[0] for country, names in zones.items() if len(names) == 1}


def _name(value: Any) -> str | None:
    return value if type(value) is str and zone(value) is not None else None
