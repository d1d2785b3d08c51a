"""What an exchange without an answer means: the errors of urllib3, as problems for the user."""

from __future__ import annotations

from urllib3 import exceptions

from bakegen.errors import Problem
from bakegen.registry import problems
from bakegen.registry.manifests import printable
from bakegen.registry.problems import Unanswered

#: What OpenSSL says of a server that answers a TLS greeting in plain text.
_PLAIN = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL")


def unanswered(host: str, error: Exception, waited: float) -> Unanswered:
    """Return what an error of urllib3 means, and whether it may pass; ``waited`` is the timeout of one read."""
    if isinstance(error, exceptions.ProxyError):
        return _proxy(host, error)
    if isinstance(error, exceptions.SSLError):
        return _tls(host, str(error))
    if isinstance(error, exceptions.LocationValueError):
        return Unanswered(problems.silent(host, "it is no valid address"), transient=False)
    return Unanswered(problems.silent(host, _why(error, waited)))


def _why(error: Exception, waited: float) -> str:
    if isinstance(error, exceptions.NameResolutionError):
        return "its name cannot be resolved"
    if isinstance(error, exceptions.ReadTimeoutError):
        return f"it has sent nothing for {waited:g} s"
    if isinstance(error, exceptions.ConnectTimeoutError) and not isinstance(error, exceptions.NewConnectionError):
        return f"it takes no connection within {waited:g} s"
    return _reason(error)


def _tls(host: str, text: str) -> Unanswered:
    lower = text.lower()
    if "certificate" in lower and ("verify failed" in lower or "match" in lower):
        verdict = text.partition("certificate verify failed: ")[2].partition(" (_ssl.c")[0]
        return Unanswered(problems.distrusted(host, printable(verdict or text)), transient=False)
    if any(word in text or word.replace("_", " ").lower() in lower for word in _PLAIN):
        return Unanswered(problems.speaks_plain_http(host), transient=False)
    return Unanswered(problems.silent(host, f"TLS fails: {printable(text)}"))


def _proxy(host: str, error: exceptions.ProxyError) -> Unanswered:
    if "407" in str(error.original_error):
        return Unanswered(_proxy_login(host), transient=False)
    return Unanswered(problems.silent(f"the proxy to {host}", _reason(error.original_error)))


def _reason(error: BaseException) -> str:
    """Return the reason in an error of urllib3, whose own text repeats the request."""
    deepest: BaseException = error
    while (inner := deepest.__cause__ or deepest.__context__) is not None:
        deepest = inner
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror[:1].lower() + deepest.strerror[1:]
    if isinstance(error, exceptions.ProtocolError):
        return "it broke off its answer"
    return f"the connection failed ({type(deepest).__name__})"


def _proxy_login(host: str) -> Problem:
    return Problem(
        f"the proxy to {host} wants to know who asks",
        why="it answers 407",
        next="put user name and password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT",
    )
