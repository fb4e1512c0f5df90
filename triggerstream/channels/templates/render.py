"""Rendering a template for one action of a firing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from liquid.exceptions import LiquidError

from triggerstream.channels.base import Content
from triggerstream.channels.templates.environment import (
    PARTS,
    UTC,
    OutOfMemoryError,
    TemplateError,
    message_of,
    parse,
    place_of,
    render,
)
from triggerstream.channels.templates.values import EventJsonError, values_of
from triggerstream.core.decisions import Action, Firing
from triggerstream.core.records.actions import read_firing
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.zones import zone


class Job(msgspec.Struct, array_like=True, frozen=True):
    """One template to render for one action.

    Attributes:
        template: Its name.
        parts: Its sources by part.
        firing: The firing's JSON, as `read_firing` takes it.
        action_id: Of one of the firing's actions.
        trigger_name: For people.
        zone: The IANA name of the zone of customers that name none.
    """

    template: str
    parts: dict[str, str]
    firing: bytes
    action_id: str
    trigger_name: str
    zone: str = "UTC"


def job_of(ruleset: Ruleset, *, template: str, trigger: str, action_id: str, firing: bytes) -> Job:
    """Return the job that renders *template* for an action of *firing*, a firing's JSON.

    Raises:
        TemplateError: *ruleset* has no such template.
    """
    parts = ruleset.source.templates.get(template)
    if parts is None:
        raise TemplateError("the ruleset has none of this name", template)
    known = ruleset.triggers.get(trigger)
    return Job(
        template=template,
        parts=parts,
        firing=firing,
        action_id=action_id,
        trigger_name=trigger if known is None else known.source.name,
        zone=ruleset.policy.timezone,
    )


def render_job(job: Job) -> Content:
    """Return the content that *job* asks for.

    Raises:
        TemplateError: It cannot be rendered (`Templates.render`).
    """
    firing = read_firing(job.firing).firing
    action = next(a for a in firing.actions if a.action_id == job.action_id)
    templates = Templates(
        {job.template: job.parts}, names={firing.trigger: job.trigger_name}, customer_zone=job.zone
    )
    return templates.render(job.template, firing, action)


class Templates:
    """The templates of one ruleset, each parsed when it is first needed.

    Args:
        sources: By name of the template, then by part.
        names: The names of triggers, by id.
        customer_zone: The IANA name of the zone of customers that name none.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, str]],
        *,
        names: Mapping[str, str] | None = None,
        customer_zone: str = "UTC",
    ) -> None:
        self._sources = sources
        self._names = names or {}
        self._zone = zone(customer_zone) or UTC

    def render(self, name: str, firing: Firing, action: Action) -> Content:
        """Return template *name*, filled in for one action of *firing*.

        The same firing and action give the same content on every machine and at any time.

        Raises:
            TemplateError: There is no such template, a variable that it prints has no value, or
                it went over a bound.
        """
        parts = self._sources.get(name)
        if parts is None:
            raise TemplateError("the ruleset has none of this name", name)
        try:
            values = values_of(firing, action, self._names.get(firing.trigger))
        except EventJsonError as error:
            raise TemplateError(str(error), name) from error
        rendered = {
            part: self._render(name, part, parts[part], values) for part in PARTS if part in parts
        }
        if not (rendered.get("text") or rendered.get("html")):
            raise TemplateError("a text or an html part is required", name)
        subject = rendered.get("subject")
        return Content(
            subject=None if subject is None else " ".join(subject.split()),
            text=rendered.get("text"),
            html=rendered.get("html"),
        )

    def _render(self, name: str, part: str, source: str, values: dict[str, Any]) -> str:
        try:
            return render(parse(part, source), values, self._zone)
        except LiquidError as error:
            raise TemplateError(message_of(error), name, part, *place_of(error) or ()) from error
        except MemoryError as error:
            raise OutOfMemoryError("it needs more memory than it may have", name, part) from error
        except Exception as error:
            # A value that Liquid did not foresee, such as one too deep to be printed.
            raise TemplateError(f"it raised {type(error).__name__}", name, part) from error
