"""Digests, manifests and tags from registries, over HTTP, with docker's own credentials.

``docker buildx imagetools inspect`` asks twice for every reference, asks again within milliseconds when it is told to
slow down, and drops Retry-After; this client asks once, keeps what it heard, and waits as long as it is told to.

The names are imported from the modules that have them, because urllib3 takes 0.1 s: `client` has Registry, `manifests`
Manifest and platforms, `credentials` Credentials and Login, `problems` NotFound, `workers` concurrently.
"""
