"""The demo: a shop's half-year through a real worker and a real sender, in minutes.

It starts them as anybody would, as processes of their own, with their settings in the
environment; plays history to them; and reads what they decided from the topics.
"""
