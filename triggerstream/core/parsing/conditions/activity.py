"""What customers do themselves, as the policy says: it must be there where somebody asks for it."""

from __future__ import annotations

from typing import Final

from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader

_OPEN: Final = ("started", "depth", "seconds")
"""What is known of a session that is open."""


def activity_of(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
    """Return the types of what customers do themselves; tell where the policy does not say."""
    activity = reader.policy.activity
    if not activity:
        example = "activity: [page_view, cart_added]"
        required = f"{what}: 'activity' in policy.yaml, the types of what customers do themselves"
        reader.report(node, f"{required}, such as {example}; found none")
    return activity


def check_session(reader: Reader, node: Node, path: str) -> None:
    """Tell of a *path* into the session that has no value, ever; there is none without activity."""
    root, *inside = path.split(".")
    if root != PROFILE or inside[:1] != ["session"]:
        return
    known = [["session"], *(["session", each] for each in _OPEN)]
    if inside not in known:
        hint = ": the rest is told at its end, by {session: ended}"
        reader.refuse(node, f"profile.session: {read.one_of(_OPEN)} of it; found {path}{hint}")
    elif not reader.policy.activity:
        required = f"{path}: 'activity' in policy.yaml, of which sessions are made"
        reader.refuse(node, f"{required}, such as activity: [page_view, cart_added]; found none")
