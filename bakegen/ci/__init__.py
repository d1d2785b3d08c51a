"""What continuous integration needs to know of a plan."""
