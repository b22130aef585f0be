"""Which redirects may be followed, as a pure rule. None may, but for media downloads and discovery."""

from __future__ import annotations

from urllib.parse import urljoin

import attrs

from ..errors import RedirectRefused, UsageError
from .messages import HttpRequest, HttpResponse, Redirects
from .urls import origin

__all__ = ["MAX_REDIRECTS", "is_redirect", "next_request"]

MAX_REDIRECTS = 5
_STATUSES = frozenset({301, 302, 303, 307, 308})


def is_redirect(response: HttpResponse) -> bool:
    """Tell whether the answer points elsewhere."""
    return response.status in _STATUSES and "location" in response.headers


def next_request(request: HttpRequest, response: HttpResponse, followed: int) -> HttpRequest:
    """Return the request that follows a redirect.

    Args:
        request: what was sent.
        response: the redirect.
        followed: how many were followed before.

    Returns:
        The same request elsewhere; on another origin without token, body and headers.

    Raises:
        RedirectRefused: the rules of this request forbid it: any redirect of a call that is not a media
            download or discovery, anything but GET, from https to http, too many, no http(s) URL, or one
            with credentials.

    Source: specification, "Content repository" and "Server discovery"; requests re-sends bodies and, on
    the same host, tokens: so redirects are ours to follow.
    """
    if request.redirects is Redirects.NEVER or request.method != "GET":
        raise RedirectRefused(f"{request.route}: the server answered with a redirect ({response.status})")
    if followed >= MAX_REDIRECTS:
        raise RedirectRefused(f"{request.route}: more than {MAX_REDIRECTS} redirects")
    try:
        url = urljoin(request.url, _location(response))
        before, after = origin(request.url), origin(url)
    except UsageError as error:
        raise RedirectRefused(f"{request.route}: refused a redirect: {error}") from None
    except ValueError:  # its text may hold the URL, which may hold a signature
        raise RedirectRefused(f"{request.route}: refused a redirect: the URL cannot be parsed") from None
    if before[0] == "https" and after[0] != "https":
        raise RedirectRefused(f"{request.route}: redirected from https to http")
    if before == after:
        return attrs.evolve(request, url=url)
    return attrs.evolve(request, url=url, access_token="", headers={}, body=None)


def _location(response: HttpResponse) -> str:
    """Return where a redirect points; headers are read as Latin-1, and paths are UTF-8."""
    location = response.headers["location"]
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location
