"""What BuildKit did in one run, step by step: pure, from the record of the run alone."""
