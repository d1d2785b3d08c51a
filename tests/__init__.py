"""Tests, and the lab they build in."""
