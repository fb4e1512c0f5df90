"""Liquid templates: checked when a ruleset is loaded, rendered when an action is sent.

Templates come from a ruleset's authors and values from customers: values cannot become markup
(HTML is escaped), headers (a subject is one line) or code. No template can run away: what it makes
is bounded before it is made (`bounds`), and a sender renders in a process of its own that is
replaced when it overruns (`processes`). What is printed depends on the log alone, and on nothing of
the machine.
"""

from triggerstream.channels.templates.check import check_template
from triggerstream.channels.templates.environment import PARTS, TemplateError
from triggerstream.channels.templates.render import Templates

__all__ = ["PARTS", "TemplateError", "Templates", "check_template"]
