"""What customers do themselves, as the policy says: it must be there where somebody asks for it."""

from __future__ import annotations

from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.parsing.nodes import Node
from triggerstream.core.parsing.reader import Reader


def activity_of(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
    """Return the types of what customers do themselves; tell where the policy does not say."""
    activity = reader.policy.activity
    if not activity:
        example = "activity: [page_view, cart_added]"
        required = f"{what}: 'activity' in policy.yaml, the types of what customers do themselves"
        reader.report(node, f"{required}, such as {example}; found none")
    return activity


def is_kept(reader: Reader, node: Node, path: str) -> None:
    """Tell of a *path* into the session, where there is none without activity."""
    if path.split(".")[:2] == [PROFILE, "session"] and not reader.policy.activity:
        required = f"{path}: 'activity' in policy.yaml, of which sessions are made"
        reader.refuse(node, f"{required}, such as activity: [page_view, cart_added]; found none")
