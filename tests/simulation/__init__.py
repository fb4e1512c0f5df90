"""The real keyed processes under seeded faults: over a log, a broker, disks and channels in memory.

One seed is one schedule: who does what when, and what fails. ``protocol`` schedules run one process
with a toy program whose every decision depends on the order of all before; ``pair`` schedules run
the real detection and the real sending, up to the far side of the channels. ``python -m
tests.simulation`` runs many, or shows one.
"""
