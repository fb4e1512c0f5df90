"""What stands on the topic of segments of one customer, where no edge has told it (55, 57).

The topic is a table, so it must be right also where nothing is told: where another definition makes
a customer a member, or none, where a segment is gone, and where the customer is. A slot has the
names of the segments of which anything stands there, also of those that no ruleset knows any more:
so it is known of an edited one, too, whether they were inside.
"""

from __future__ import annotations

from typing import Final

from triggerstream.core.decisions import Membership, SegmentChanged
from triggerstream.core.derive.segments import ENTERED, CompiledSegment
from triggerstream.core.detection.derived import Out
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState

STANDS: Final = "s"
"""The key of the slot: no definition has so short a one. It is flat: a name, and since when the
customer is inside, or `OUT`; and so on."""
OUT: Final = -1


def standing(state: CustomerState) -> dict[str, int]:
    """Return since when the customer is in each segment of which anything stands there, by name;
    -1 of those that they have left."""
    flat = state.derived.get(STANDS, ())
    return dict(zip(flat[::2], flat[1::2], strict=True))


def tell_edge(state: CustomerState, edge: SegmentChanged, out: Out) -> None:
    """Tell that the customer has entered or left a segment."""
    since = edge.at if edge.change == ENTERED else OUT
    _note(state, standing(state) | {edge.segment: since})
    out.append(edge)


def tell_again(state: CustomerState, ruleset: Ruleset, out: Out, begin: int) -> None:
    """Tell which segments the customer is in by *ruleset*, and take back what stands of others.

    Args:
        begin: Of what *out* has from here on, edges are told already.
    """
    known = standing(state)
    members = {
        each.name: each.since(state)
        for each in ruleset.watched
        if isinstance(each, CompiledSegment) and not each.is_unnamed and each.is_member(state)
    }
    if not known and not members:
        return
    told = {each.segment for each in out[begin:] if isinstance(each, SegmentChanged)}
    customer = state.customer_id
    out.extend(
        [
            Membership(name, customer, members.get(name))
            for name in sorted({*known, *members})
            if name not in told
        ]
    )
    _note(state, dict.fromkeys(told, OUT) | members)


def forgotten(state: CustomerState) -> list[Membership]:
    """Return what takes back all that stands of the customer, who is to be forgotten."""
    return [Membership(name, state.customer_id, None) for name in standing(state)]


def _note(state: CustomerState, standing: dict[str, int]) -> None:
    if standing:
        names = sorted(standing)
        state.derived[STANDS] = tuple([each for name in names for each in (name, standing[name])])
        state.weight += sum([_NAME + 4 * len(name) for name in names])
    else:
        state.derived.pop(STANDS, None)


_NAME: Final = 16
"""Bytes of a name at most, beside its text, and of its time."""
