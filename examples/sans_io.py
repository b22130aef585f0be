"""Endpoints without a client: requests and answers as values, and I/O of your own.

Set MATRIX_URL and MATRIX_TOKEN. Here the bytes go through `http.client`; a queue, a test or another event
loop can stand in its place.
"""

import http.client
import os
from typing import TypeVar
from urllib.parse import urlsplit

from gomatrix_py import HTTPError
from gomatrix_py.api.login import WhoAmI
from gomatrix_py.api.room_membership import BanUser
from gomatrix_py.http.endpoint import Endpoint, Target
from gomatrix_py.http.messages import HttpRequest, HttpResponse

R = TypeVar("R")


def exchange(request: HttpRequest) -> HttpResponse:
    """Carry one request over a connection of its own."""
    place = urlsplit(request.url)
    connect = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = connect(place.netloc, timeout=30)
    try:
        path = request.url.partition(place.netloc)[2]
        body = request.body if isinstance(request.body, bytes) else None
        connection.request(request.method, path, body, request.wire_headers())
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return HttpResponse(answer.status, headers, answer.read())
    finally:
        connection.close()


def carry_out(endpoint: Endpoint[R], target: Target) -> R:
    return endpoint.parse(exchange(endpoint.to_request(target)))


def main() -> None:
    target = Target(os.environ["MATRIX_URL"], os.environ["MATRIX_TOKEN"])
    print("I am", carry_out(WhoAmI(), target).user_id)

    ban = BanUser("!no-such-room:example.org", "@mallory:example.org", reason="spam")
    request = ban.to_request(target)  # no I/O so far, and its repr shows no token
    print(request.method, urlsplit(request.url).path, request.body)
    try:
        ban.parse(exchange(request))
    except HTTPError as error:
        print("the server refused:", error.errcode)


if __name__ == "__main__":
    main()
