"""What customers do themselves, as the policy says it: the types that several words stand for."""

from __future__ import annotations

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
