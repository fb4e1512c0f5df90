"""E-mail: what a mail says, its headers, its addresses, and how it is handed over."""
