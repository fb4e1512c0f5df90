"""Peers that do the same detection, each in its own process, beside triggerstream's worker."""
