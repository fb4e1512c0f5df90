"""The keyed process under seeded faults: the real code over a log, a broker and disks in memory."""
