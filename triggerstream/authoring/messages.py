"""The messages of a firing, made as a sender makes them, and judged before a customer gets them."""

from __future__ import annotations

from email.errors import MessageError

from triggerstream.channels.base import Content, Message
from triggerstream.channels.config import EmailConfig
from triggerstream.channels.email.channel import EmailChannel
from triggerstream.channels.templates import TemplateError
from triggerstream.channels.templates.render import job_of, render_job
from triggerstream.core.decisions import Action, Firing
from triggerstream.core.records.actions import records_of
from triggerstream.core.rulesets.ruleset import Ruleset

_NAMES = {"email": "e-mail"}

_MAIL = EmailChannel(
    EmailConfig(host="localhost", from_address="sender@example.com"), timeout=1, now=lambda: 0
)
"""What composes a mail; nothing is sent by it."""
_TO = "customer@example.com"


def render(firing: Firing, action: Action, ruleset: Ruleset) -> Content:
    """Return what a sender would send for *action*, which names a template.

    The firing goes the same way as to a sender: as a record.

    Raises:
        TemplateError: A sender could not render or send it; the template's author corrects it.
    """
    name = action.template or ""
    (record,) = records_of(firing, ruleset.version)
    content = render_job(
        job_of(
            ruleset,
            template=name,
            trigger=firing.trigger,
            action_id=action.action_id,
            firing=record.value or b"",
        )
    )
    if action.channel == "email":
        _require_mail(content, firing, action, name)
    return content


def _require_mail(content: Content, firing: Firing, action: Action, template: str) -> None:
    """Refuse what the e-mail channel would refuse, whoever it is for."""
    if not content.subject:
        raise TemplateError("an e-mail has a subject; found an empty one", template, "subject")
    message = Message(action.action_id, 1, action.channel, firing, action.options, content)
    try:
        _MAIL.compose(message, content, _TO).as_bytes()
    except (ValueError, MessageError) as error:
        raise TemplateError(str(error), template) from error


def called(action: Action, trigger: str) -> str:
    """Return what people call the message of *action*."""
    return f"the {_NAMES.get(action.channel, action.channel)} of {trigger}"


def why_not(error: TemplateError, folder: str) -> str:
    """Return where and why a template cannot be rendered, in one line.

    Args:
        folder: The path of the ruleset's directory, as its problems show it; with a ``/`` at its
            end, or empty.
    """
    place = f"{folder}templates/{error.template}"
    if error.part is not None:
        place += f"/{error.part}.liquid"
    if error.line is not None:
        place += f":{error.line}:{error.column}"
    remedy = ""
    if error.problem.endswith("is undefined"):
        remedy = ": give it a default, or ask for it in 'if'"
    return f"{place}: {error.problem}{remedy}"
