"""The rows of senders: far sides that misbehave, and senders that end in the middle of a send."""

from __future__ import annotations

from tests.chaos.rows import Entry
from tests.chaos.senders.answers import mails_misbehave, webhooks_misbehave
from tests.chaos.senders.killed import senders_are_killed

CATALOGUE = [
    Entry("webhooks-misbehave", webhooks_misbehave, full=140, short=14),
    Entry("mail-misbehaves", mails_misbehave, full=135, short=9),
    Entry("sender-killed", senders_are_killed, full=42, short=3),
]
"""In the form of `tests.chaos.catalogue`."""
