"""What BuildKit is sent for an image: its build context after .dockerignore, and of that what COPY needs."""
