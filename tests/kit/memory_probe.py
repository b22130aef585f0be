"""Says how much more memory a process needed at its peak for an answer than for a small one.

``python -m tests.kit.memory_probe URL MANNER`` asks URL/small, then URL/large. MANNER is ``client`` for a call of
`Client`, ``download`` for one that goes to a file, or ``requests`` for the library by itself; for control tests.
It prints how the second one ended, and the growth in bytes.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable

import requests

from gomatrix_py import Client
from gomatrix_py.errors import MatrixError
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.http.transport import RequestsTransport

__all__: list[str] = []


def peak() -> int:
    """Return the most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def by_client(url: str) -> None:
    with Client(url.rpartition("/")[0]) as client:
        client.make_request("GET", url)


def by_download(url: str) -> None:
    with tempfile.TemporaryFile() as sink:
        RequestsTransport().send(HttpRequest("GET", url, sink=sink))


def by_requests(url: str) -> None:
    requests.get(url, timeout=60).json()


MANNERS: dict[str, Callable[[str], None]] = {
    "client": by_client,
    "download": by_download,
    "requests": by_requests,
}


def main(url: str, manner: str) -> None:
    """Ask twice, and say what the second one cost."""
    ask = MANNERS[manner]
    ask(f"{url}/small")
    before = peak()
    try:
        ask(f"{url}/large")
        ended = "taken"
    except (MatrixError, ValueError) as error:
        ended = type(error).__name__
    print(ended, peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
