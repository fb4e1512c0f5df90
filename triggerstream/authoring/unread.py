"""What is known of customers and read by nobody; and why all of it is kept although a policy says
``keep: read``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from triggerstream.authoring.lint import Warned
from triggerstream.authoring.observed import Observed
from triggerstream.authoring.schema_fields import fields_of
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.derive.kept import readers_of
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.model import RulesetSource
from triggerstream.core.parsing.source.nodes import Mapping as MappingNode
from triggerstream.core.parsing.source.nodes import read_documents
from triggerstream.core.state.profile import kept
from triggerstream.errors import Problem

_POLICY = "policy.yaml"


class Unread(NamedTuple):
    """What nobody reads, by name.

    Attributes:
        attributes: That have a document.
        said: That ``identify`` sets, as far as its schema or the events tell.
        is_kept: Whether the latter are kept all the same.
    """

    attributes: list[str]
    said: list[str]
    is_kept: bool


def unread(source: RulesetSource, observed: Observed | None) -> Unread:
    """Return what nobody reads; nothing where somebody reads the profile as a whole."""
    readers = readers_of(source)
    more = source.policy.keep
    if readers.whole:
        return Unread([], [], is_kept=True)
    declared = {each.name for each in source.attributes}
    said = set(_said(source, observed)) - declared
    read = readers.names.union(more or ())
    unread_ones = said - kept(dict.fromkeys(said), read).keys()
    return Unread(sorted(declared - read), sorted(unread_ones), is_kept=more is None)


def _said(source: RulesetSource, observed: Observed | None) -> Iterator[str]:
    if source.schemas is not None:
        yield from fields_of(source.schemas.schemas.get(IDENTIFY))
    for path in {} if observed is None else observed.profile:
        root, _, rest = path.partition(".")
        if root == PROFILE and rest:
            yield rest.partition(".")[0]


def lint_keep(files: Mapping[str, str], source: RulesetSource) -> list[Warned]:
    """Return why all is kept where the policy says ``keep: read``."""
    if source.policy.keep is None:
        return []
    place = _place(files.get(_POLICY, ""))
    required = "keep: readers that say which attributes of the profile they read"
    return [
        Warned(
            "keeps_all",
            Problem(_POLICY, *place, f"{required}; found {who}: so all of them are kept"),
        )
        for who in readers_of(source).whole
    ]


def _place(text: str) -> tuple[int, int]:
    for document in read_documents(text, lambda *_: None):
        if isinstance(document, MappingNode) and "keep" in document.keys:
            node = document.keys["keep"]
            return node.line, node.col
    return 1, 1
