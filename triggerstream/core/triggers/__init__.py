"""What an author writes: trigger files, from text to compiled triggers."""
