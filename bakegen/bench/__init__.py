"""``bakegen bench``: what a family gains, measured on the user's machine against baselines made from the same plan."""
