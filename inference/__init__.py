"""The winner at work: one safe file, one call, one page."""
