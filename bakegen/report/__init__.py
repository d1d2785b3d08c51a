"""What a run means for its user: from its directory to a Report, and to terminal, JSON, Markdown and HTML."""
