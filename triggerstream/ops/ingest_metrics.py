"""What the doors of HTTP tell of themselves (`ingest.door.Observer`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from triggerstream.ops.metrics import Children


class IngestMetrics:
    """Counts into *children*: those of its own registry, or of the process that it lives in."""

    def __init__(self, children: Children) -> None:
        self._children = children
        for why in ("full", "failed"):
            children.bind("ingest_dropped_total", why)

    def answered(self, route: str, status: int) -> None:
        """Add a request of *route* (as the table has it) and what it was answered."""
        self._children.counter("ingest_requests_total", route, str(status)).inc()

    def judged(self, key: str, accepted: int, reasons: Sequence[str]) -> None:
        """Add the events of one request: how many were accepted, and why each other was not."""
        if accepted:
            self._children.counter("ingest_events_total", key).inc(accepted)
        for reason in reasons:
            self._children.counter("ingest_rejected_total", key, reason).inc()

    def schemas_failed(self, failures: Mapping[tuple[str, str, str], int]) -> None:
        """Add events that were not what the ruleset asks for, by source, type and reason."""
        for labels, number in failures.items():
            self._children.counter("schema_failures_total", *labels).inc(number)

    def letters_dropped(self, key: str, letters: int) -> None:
        self._children.counter("ingest_letters_dropped_total", key).inc(letters)

    def acknowledged(self, records: int, seconds: float) -> None:
        """Add one append of so many records."""
        self._children.histogram("ingest_append_seconds").observe(seconds)
        self._children.counter("ingest_appended_total").inc(records)

    def dropped(self, why: str, events: int) -> None:
        """Add events of beacons and pixels that are lost: ``full`` or ``failed``."""
        self._children.counter("ingest_dropped_total", why).inc(events)

    def holds(self, size: int) -> None:
        self._children.gauge("ingest_waiting_bytes").set(size)
