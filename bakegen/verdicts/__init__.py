"""What became of each cache mount of a run: working, cold, not stored or bypassed, with the reason and the fix."""
