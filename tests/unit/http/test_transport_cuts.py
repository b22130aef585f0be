"""Answers that end early: after every byte, in every framing, by a clean end and by a reset.

Each one is the whole answer or an error of ours; about 2,700 cases in all.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable

import pytest
import requests

from gomatrix_py import Limits
from gomatrix_py.errors import DecodeError, TransportError, TruncatedAnswer
from gomatrix_py.http.answers import json_object
from gomatrix_py.http.messages import HttpRequest, Redirects
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Connection, RawServer, answer, chunked

DOCUMENT = {"next_batch": "s1", "numbers": list(range(30)), "text": "ü" * 10}
BODY = json.dumps(DOCUMENT).encode()
PACKED = gzip.compress(BODY, mtime=0)
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
PADDED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%08x\r\n%b\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:]))
    + b"00000000\r\n\r\n"
)
FRAMINGS = {
    "length": answer(BODY),
    "length, closing": answer(BODY, 200, "Connection: close"),
    "chunked": chunked(BODY),
    "chunked, padded sizes": PADDED,
    "until close": CLOSING + b"\r\n" + BODY,
    "gzip, length": answer(PACKED, 200, "Content-Encoding: gzip"),
    "gzip, chunked": chunked(PACKED, "Content-Encoding: gzip"),
    "gzip, until close": CLOSING + b"Content-Encoding: gzip\r\n\r\n" + PACKED,
}
LIMITS = Limits(connect_s=10, read_s=10, total_s=10)


def cutting(whole: bytes, end: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """Return the script that sends as many bytes as the path says, and ends the connection so."""

    def script(connection: Connection) -> None:
        count = int(connection.read_request().path.rpartition("/")[2])
        connection.send(whole[:count])
        end(connection)

    return script


def request(server: RawServer, count: int, **fields: object) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/{count}", "GET /{count}", limits=LIMITS, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [Connection.cut, Connection.reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_cut_at_any_byte_is_whole_or_an_error(
    transport: RequestsTransport, framing: str, end: Callable[[Connection], None]
) -> None:
    whole = FRAMINGS[framing]
    errors = 0
    document = None
    with RawServer(cutting(whole, end)) as server:
        for count in range(len(whole) + 1):
            try:
                document = json_object(transport.send(request(server, count)))
            except (TransportError, DecodeError):
                errors += 1
            else:
                assert document == DOCUMENT, f"cut after {count} bytes"
    assert errors >= len(whole) - 8  # at most the last line may be missing
    assert document == DOCUMENT or end is Connection.reset  # which may overtake the bytes before it


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_download_cut_at_any_byte_is_whole_or_an_error(transport: RequestsTransport, framing: str) -> None:
    whole = FRAMINGS[framing]
    with RawServer(cutting(whole, Connection.cut)) as server:
        for count in range(0, len(whole) + 1, 3):
            for sink in (io.BytesIO(), None):
                try:
                    response = transport.send(request(server, count, sink=sink, redirects=Redirects.MEDIA))
                except TransportError:
                    continue
                assert "until close" not in framing
                assert (sink.getvalue() if sink else response.body) == BODY
                assert response.size == len(BODY)


UNSEEN = {
    "gzip, length": answer(PACKED[:-20], 200, "Content-Encoding: gzip"),
    "gzip, chunked": chunked(PACKED[:-20], "Content-Encoding: gzip"),
    "gzip, until close": CLOSING + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:-20],
    "until close": CLOSING + b"\r\n" + BODY[:-5],
    "chunked, padded sizes": PADDED[: PADDED.index(b"\r\n0") + 3],
}


@pytest.mark.parametrize("framing", UNSEEN)
def test_requests_takes_these_for_whole(transport: RequestsTransport, framing: str) -> None:
    """The control: what ends early here goes unseen by requests."""
    whole = UNSEEN[framing]
    with RawServer(cutting(whole, Connection.cut)) as server:
        with requests.Session() as session:
            got = session.get(f"{server.url}/{len(whole)}", timeout=10)
        assert got.status_code == 200
        assert got.content != BODY
        with pytest.raises((TruncatedAnswer, DecodeError)):
            json_object(transport.send(request(server, len(whole))))


def test_gzip_that_ends_early_inside_a_whole_framing_is_truncated(transport: RequestsTransport) -> None:
    for count in range(1, len(PACKED), 11):
        for whole in (
            answer(PACKED[:count], 200, "Content-Encoding: gzip"),
            chunked(PACKED[:count], "Content-Encoding: gzip"),
            CLOSING + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:count],
        ):
            with RawServer(cutting(whole, Connection.cut)) as server, pytest.raises(TruncatedAnswer):
                transport.send(request(server, len(whole)))
