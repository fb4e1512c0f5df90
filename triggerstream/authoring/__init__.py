"""What an author does with trigger files: read a directory, test it."""
