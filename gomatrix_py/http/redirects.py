"""Which redirects may be followed, as a pure rule. None may, but for media downloads and discovery."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

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

    Raises:
        RedirectRefused: the rules of this request forbid it: any redirect of a call that is not a media
            download or discovery, anything but GET, from https to http, too many, or no http(s) URL.

    Source: specification, "Content repository" and "Server discovery"; requests re-sends bodies and, on
    the same host, tokens: so redirects are ours to follow.
    """
    if request.redirects is Redirects.NEVER or request.method != "GET":
        raise RedirectRefused(f"{request.route}: the server answered with a redirect ({response.status})")
    if followed >= MAX_REDIRECTS:
        raise RedirectRefused(f"{request.route}: more than {MAX_REDIRECTS} redirects")
    url = urljoin(request.url, response.headers["location"])
    try:
        before, after = origin(request.url), origin(url)
    except UsageError as error:
        raise RedirectRefused(f"{request.route}: {error}") from None
    if before[0] == "https" and after[0] != "https":
        raise RedirectRefused(f"{request.route}: redirected from https to http")
    if urlsplit(url).username is not None:
        raise RedirectRefused(f"{request.route}: redirected to a URL with credentials")
    if before == after:
        return attrs.evolve(request, url=url)
    return attrs.evolve(request, url=url, access_token="", headers={})
