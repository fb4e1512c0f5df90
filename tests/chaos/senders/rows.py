"""The rows of senders: far sides that misbehave, and senders that end in the middle of a send."""

from __future__ import annotations

from tests.chaos.rows import Entry
from tests.chaos.senders.answers import mails_misbehave, webhooks_misbehave
from tests.chaos.senders.busy import busy_senders_are_killed
from tests.chaos.senders.faults import (
    broker_is_restarted,
    senders_are_paused,
    senders_join_and_leave,
)
from tests.chaos.senders.killed import senders_are_killed

CATALOGUE = [
    Entry("webhooks-misbehave", webhooks_misbehave, full=140, short=14),
    Entry("mail-misbehaves", mails_misbehave, full=135, short=9),
    Entry("sender-killed", senders_are_killed, full=42, short=3),
    Entry("sender-killed-busy", busy_senders_are_killed, full=12),
    Entry("sender-paused", senders_are_paused, full=14),
    Entry("senders-join", senders_join_and_leave, full=20),
    Entry("sender-broker", broker_is_restarted, full=8),
]
"""In the form of `tests.chaos.catalogue`."""
