"""Which rulesets those must adopt, too, of whom no record comes (102)."""

from __future__ import annotations

from triggerstream.core.rulesets.ruleset import Ruleset


def is_for_all(ruleset: Ruleset) -> bool:
    """Return whether *ruleset* makes something of a customer who does nothing: a segment may have
    them as a member, a date come for them, or an attribute begin with what is known of them."""
    source = ruleset.source
    return bool(source.segments or ruleset.dates) or any(
        each.start is not None or each.start_path is not None for each in source.attributes
    )
