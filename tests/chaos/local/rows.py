"""The rows of the world of one directory, in the order in which they are run and printed."""

from __future__ import annotations

from tests.chaos import logs
from tests.chaos.local import clocks, disks, engines, rulesets, sends
from tests.chaos.rows import Entry
from tests.chaos.senders.answers import mails_misbehave, webhooks_misbehave

CATALOGUE = [
    Entry("killed", engines.killed, 20, 2),
    Entry("disk-full", disks.full, 4, 1),
    Entry("damaged", disks.damaged, 24, 1),
    Entry("poison", logs.poisoned, 130),
    Entry("flood", logs.flooded, 1_000_000),
    Entry("clock", clocks.jumping, 12, 2),
    Entry("rulesets", rulesets.deployed, 6),
    Entry("webhooks", webhooks_misbehave, 140, 7),
    Entry("sender-killed", sends.killed, 42, 3),
    Entry("sender-killed-busy", sends.killed_busy, 8),
    Entry("mail", mails_misbehave, 135, 9),
]
"""In the form of `tests.chaos.catalogue`."""
