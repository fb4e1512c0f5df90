"""Reading patterns: what a trigger waits for, and what is written shorter."""
