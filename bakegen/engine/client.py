"""The docker command line, as python-on-whales is configured with it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bakegen.errors import EngineError, Problem

if TYPE_CHECKING:
    from python_on_whales import DockerClient

NO_DOCKER = Problem(
    "docker is not installed, or not on the PATH",
    why="bakegen drives `docker buildx bake`; it never downloads a client of its own",
    next="install the docker CLI and buildx (https://docs.docker.com/engine/install/), or fix PATH;"
    " `bakegen render` works without either",
)


def docker_command(client: DockerClient | None = None) -> tuple[str, ...]:
    """Return the words that start docker the way ``client`` does: the binary, then context, host and TLS options.

    Without a client, python-on-whales' default is meant: `docker` from the PATH, which reads the user's own context.
    That answer is given here, because importing the library to hear it costs 0.3 s of every build; a test holds both
    equal. Raises EngineError when there is no such binary.
    """
    if client is None:
        docker = shutil.which("docker")
        if docker is None:
            raise EngineError(NO_DOCKER)
        return (docker,)
    from python_on_whales import ClientNotFoundError

    try:
        return tuple(str(word) for word in client.client_config.docker_cmd)
    except ClientNotFoundError as error:
        raise EngineError(NO_DOCKER) from error
