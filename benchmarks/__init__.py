"""Benchmarks: whole processes, alternating, as ratios within one run."""
