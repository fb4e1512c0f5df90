"""The edge to Faust: where its private plug points are used, and nowhere else.

Faust gives the life of a process, agents, group membership with co-partitioned assignment, and
tables with their changelog topics. It does not carry records one by one, does not acknowledge
them, and does not restore tables: batches, offsets and restores are ours (decisions/0003).
Each private attribute used here has a test in ``tests/e2e/test_plug_points.py``.
"""
