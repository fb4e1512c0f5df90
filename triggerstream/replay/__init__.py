"""The virtual-time driver: files in, decisions out."""
