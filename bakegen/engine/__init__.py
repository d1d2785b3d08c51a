"""The only code that talks to docker: its command line, its processes, and what BuildKit reports while it builds."""
