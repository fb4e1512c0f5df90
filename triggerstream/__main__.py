"""``python -m triggerstream``."""

from triggerstream.cli import main

if __name__ == "__main__":
    main()
