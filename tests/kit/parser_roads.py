"""Every parser of what others wrote: inputs that are nearly right, and what must hold of what comes out."""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

import attrs

from gomatrix_py import canonical_json as canonical
from gomatrix_py import ids, links
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.codec import json_bytes, loads_tolerant
from gomatrix_py.errors import DecodeError, HTTPError, SessionError, UsageError
from gomatrix_py.http import retry, urls
from gomatrix_py.http.answers import error_from
from gomatrix_py.http.messages import HttpResponse
from gomatrix_py.media import filenames, inspect_media, opened
from gomatrix_py.media.kinds import check_mimetype
from gomatrix_py.rooms.ephemera import read_ephemera
from gomatrix_py.send import html, markdown, places
from gomatrix_py.send.plain_text import plain_text
from tests.kit.canonical_reference import is_canonical, reference
from tests.kit.crooked import crooked_bytes, crooked_text, crooked_value
from tests.kit.html_faults import html_faults
from tests.kit.pictures import animated_gif, jpeg, png
from tests.kit.poison import BROKEN_DOCUMENTS, POISON, SOUND_BUT_STRANGE
from tests.kit.recordings import mp4, wav, webm

__all__ = ["ROADS", "Road"]


@attrs.frozen
class Road:
    """One kind of input.

    Attributes:
        make: returns an input.
        check: parses it; raises anything but the documented error where something is wrong.
        share: of all inputs, in thousandths.
    """

    make: Callable[[random.Random], bytes]
    check: Callable[[bytes], None]
    share: int


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


# ------------------------------------------------------------------ ids and links

_SERVERS = ("example.org", "[::1]:8448", "1.2.3.4:8008", "a-b.example", "localhost")
_IDS = (
    *("@alice:example.org", "#room:example.org", "!room:example.org", "!dDWiUvZ2nYgNwS6h2AqZwGzbP8v0SN2yhV1nqz9CxUM"),
    *("$event:example.org", "$Woq2vwLy8mNU3lyX9bxgMFzJ-vZB0vv2cMZBV0lYmQ0", "ed25519:AUTO", "m.room.message"),
    *_SERVERS,
)
_ID_PIECES = ("@", "#", "!", "$", ":", "/", "..", ".", "%2e", "[", "]", "::", "example.org", "8448", "a", "é", "\0")
_PARSERS = (
    *(ids.parse_user_id, ids.parse_room_alias, ids.parse_room_id, ids.parse_event_id, ids.parse_key_id),
    *(ids.parse_server_name, ids.decode_user_localpart, ids.extract_user_localpart, ids.server_name_of, ids.check_id),
)
_TESTS = (
    *(ids.is_user_id, ids.is_room_alias, ids.is_room_id, ids.is_event_id, ids.is_server_name),
    *(ids.is_opaque_id, ids.is_namespaced_id),
)


def _check_ids(data: bytes) -> None:
    text = _as_text(data)
    for parse in _PARSERS:
        try:
            parse(text)
        except UsageError:
            continue
    for test in _TESTS:
        assert test(text) in (True, False)
        assert not test(text) or len(text.encode()) <= ids.MAX_ID_BYTES
    try:
        segment = urls.segment(text)
    except UsageError:
        return
    assert unquote(segment) == text
    assert not set(segment) & set("/?#\\ ")
    assert unquote(segment) not in (".", "..")


_MXC = ("mxc://example.org/abc", "mxc://example.org:8448/A_b-9", "mxc://[::1]/x", "mxc://1.2.3.4/x")
_MXC_PIECES = ("mxc:", "//", "/", "..", "?", "#", "%2e", "%2F", "\\", "@", ":test", "example.org", "abc", "é")
_SOUND_MXC = re.compile(r"mxc://[0-9A-Za-z.:\[\]-]{1,255}/[0-9A-Za-z_-]{1,255}\Z")


def _check_mxc(data: bytes) -> None:
    text = _as_text(data)
    try:
        server, media = ids.parse_mxc(text)
    except UsageError:
        return
    assert _SOUND_MXC.match(text), "what may leave its path was taken"
    assert str(ids.MxcUri(server, media)) == text
    assert server.strip("."), "dots are no server"
    assert urlsplit(f"https://hs/{urls.segment(server)}/{urls.segment(media)}").path.count("/") == 2


_LINKS = (
    *("matrix:u/alice:example.org", "matrix:r/room:example.org/e/abc?via=a.org&via=b.org", "matrix:roomid/x:e.org"),
    *("https://matrix.to/#/@alice:example.org", "https://matrix.to/#/!r:e.org/$abc?via=e.org", "matrix:roomid/dDWi"),
    "https://matrix.to/#/%23room%3Aexample.org?action=join",
)
_LINK_PIECES = (
    *("matrix:", "https://matrix.to/#/", "u/", "r/", "roomid/", "e/", "/", "@", "#", "!", "$", "%", "%2F", "%00"),
    *("%ff", "?", "&", "via=", "action=join"),
)


def _check_link(data: bytes) -> None:
    try:
        link = links.parse_matrix_link(_as_text(data))
    except UsageError:
        return
    kinds = {"@": ids.is_user_id, "#": ids.is_room_alias, "!": ids.is_room_id}
    assert kinds[link.target[0]](link.target)
    assert not link.event_id or ids.is_event_id(link.event_id)
    assert all(map(ids.is_server_name, link.via))
    assert links.parse_matrix_link(link.to_uri()) == link
    assert links.parse_matrix_link(link.to_matrix_to()) == _without_action(link)


def _without_action(link: links.MatrixLink) -> links.MatrixLink:
    """Return a link as matrix.to can hold it: without an action."""
    return link._replace(action="")


_URLS = ("https://hs.example", "http://127.0.0.1:8008/base/", "https://[::1]:443", "https://hs.example/_matrix?x#y")
_URL_PIECES = (
    "https://",
    "http://",
    "file:",
    "//",
    "\\",
    "@",
    ":",
    "#",
    "?",
    "%40",
    "..",
    "[::1]",
    "80",
    "hs",
    "\t",
    "ü",
)


def _check_url(data: bytes) -> None:
    text = _as_text(data)
    try:
        scheme, host, port = urls.origin(text)
    except UsageError:
        return
    assert scheme in ("http", "https")
    assert host
    assert "@" not in host
    assert 0 < port < 65536
    assert text.isprintable() or not set(text) & {"\0", "\n", "\r", "\t"}


_GEO = ("geo:51.5008,0.1247;u=35", "geo:-90,180,8848", "geo:1e2,3", "geo:12,34;crs=wgs84;u=1")


def _check_geo(data: bytes) -> None:
    try:
        place = places.parse_geo_uri(_as_text(data))
    except UsageError:
        return
    assert abs(place.latitude) <= 90
    assert abs(place.longitude) <= 180


# ------------------------------------------------------------------ JSON


def _check_canonical(data: bytes) -> None:
    value = json.loads(data)
    try:
        written = canonical.canonical_json(value)
    except UsageError:
        assert not is_canonical(value), "what has a canonical form was refused"
        return
    assert is_canonical(value), "what has no canonical form was written"
    assert written.decode() == reference(value)
    assert canonical.canonical_json(json.loads(written)) == written


_DOCUMENTS = [
    data for data in (*BROKEN_DOCUMENTS.values(), *POISON.values(), *SOUND_BUT_STRANGE.values()) if len(data) < 2000
] + [b'{"type":"m.receipt","content":{"$e":{"m.read":{"@a:b":{"ts":5,"thread_id":"main"}}}}}']


def _check_json(data: bytes) -> None:
    try:
        value = json_bytes.loads(data)
    except DecodeError:
        pass
    else:
        assert json_bytes.loads(json_bytes.dumps(value)) == value
    with contextlib.suppress(DecodeError):
        loads_tolerant(data)
    read_ephemera(b"[" + data + b"]")


def _check_error_answer(data: bytes) -> None:
    status = 300 + data[0] % 300 if data else 500
    error = error_from(HttpResponse(status, {"retry-after": data[:20].decode("latin-1")}, data), "GET /x")
    assert isinstance(error, HTTPError)
    assert (error.code, error.contents) == (status, data)
    wait = retry.RetryPolicy().wait_s(error, 1, may_retry=True)
    assert wait is None or 0 <= wait <= 60


_ERRORS = (
    b'{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":5}',
    b'{"errcode":"M_UNKNOWN_TOKEN","soft_logout":true,"error":7}',
    b'{"flows":[{"stages":["m.login.password"]}],"session":"s","params":{},"completed":[]}',
    b"<html>502</html>",
)

_SESSION = Session("https://hs.example", "@me:hs.example", "syt_a", "DEV", refresh_token="r", expires_at_ts=5)


def _check_session(data: bytes) -> None:
    try:
        session = Session._from_json(data, "a file")
    except SessionError:
        return
    assert session.user_id
    assert Session._from_json(session._to_json(), "a file") == session


# ------------------------------------------------------------------ headers, texts, names, files

_WAITS = ("120", "0.5", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e400", "nan", "Wed, 99 Oct 20266 07:28:00 +9999")
_WAIT_PIECES = ("Mon", "Tue", ",", " ", "1", "99", "Oct", "2026", "00:00:00", "GMT", "+0100", ".", "e", "-", "inf")


def _check_wait(data: bytes) -> None:
    text = _as_text(data)
    for date in ("", text, "Wed, 21 Oct 2026 07:28:00 GMT"):
        wait = retry.retry_after_s({"retry-after": text, "date": date}, text)
        assert wait is None or (wait >= 0 and math.isfinite(wait))


_HTML = (
    '<a href="https://a.example">x</a>',
    '<img src="mxc://a/b" onerror="alert(1)"><script>x</script>',
    "<table><tr><td><ul><li>a</table>",
    '<span data-mx-color="#ff0000" style="x">a</span><pre><code class="language-x">y',
)
_HTML_PIECES = (
    *("<a href=", '"javascript:x"', ">", "<", "</a>", "<!--", "-->", "<![CDATA[", "]]>", "<svg>", "<math>", "<p>"),
    *("<style>", "</style>", "<mx-reply>", "<b>", "<object>", "<td>", "&lt;", "&#60;", "\0", "<pre>\n", "<template>"),
)


def _check_html(data: bytes) -> None:
    text = _as_text(data)
    clean = html.sanitize_html(text)
    assert html_faults(clean) == []
    assert html.sanitize_html(clean) == clean
    assert not set(plain_text(text)) & {"\0", "\x1b", "\r", "\x07"}


def _check_markdown(data: bytes) -> None:
    text = _as_text(data)
    for allows_html in (False, True):
        assert html_faults(markdown.markdown_to_html(text, allows_html=allows_html)) == []


_NAMES = ("photo.jpg", "../../etc/passwd", "CON.txt", "..", "a" * 300 + ".png", "C:\\x\\y.exe", ".bashrc", "x\0y.txt")


def _check_filename(data: bytes) -> None:
    safe = filenames.safe_filename(_as_text(data))
    assert 0 < len(safe.encode()) <= filenames.MAX_NAME_BYTES
    assert Path(safe).name == PureWindowsPath(safe).name == safe
    assert safe not in (".", "..")
    assert not set(safe) & set("\0/\\\n\r")
    assert filenames.safe_filename(safe) == safe


_FILES = [png(9, 7), jpeg(40, 30, 6), animated_gif(9, 7), wav(0.02), mp4(), webm(), b"OggS" + bytes(60), b"ID3" * 20]


def _check_media(data: bytes) -> None:
    with opened(data) as source:
        facts = inspect_media(source, "")
        assert check_mimetype(facts.mimetype)
        assert source.reader().read() == data


def _texts(seeds: tuple[str, ...], pieces: tuple[str, ...] = ()) -> Callable[[random.Random], bytes]:
    return lambda chance: _as_bytes(crooked_text(chance, seeds, pieces))


ROADS: dict[str, Road] = {
    "ids": Road(_texts(_IDS, _ID_PIECES), _check_ids, 120),
    "mxc": Road(_texts(_MXC, _MXC_PIECES), _check_mxc, 150),
    "links": Road(_texts(_LINKS, _LINK_PIECES), _check_link, 120),
    "urls": Road(_texts(_URLS, _URL_PIECES), _check_url, 90),
    "geo": Road(_texts(_GEO), _check_geo, 60),
    "canonical": Road(lambda chance: json.dumps(crooked_value(chance)).encode(), _check_canonical, 100),
    "json": Road(lambda chance: crooked_bytes(chance, _DOCUMENTS), _check_json, 90),
    "errors": Road(lambda chance: crooked_bytes(chance, _ERRORS), _check_error_answer, 50),
    "sessions": Road(lambda chance: crooked_bytes(chance, [_SESSION._to_json()]), _check_session, 60),
    "waits": Road(_texts(_WAITS, _WAIT_PIECES), _check_wait, 80),
    "filenames": Road(_texts(_NAMES), _check_filename, 60),
    "html": Road(_texts(_HTML, _HTML_PIECES), _check_html, 12),
    "markdown": Road(_texts(_HTML, _HTML_PIECES), _check_markdown, 4),
    "media": Road(lambda chance: crooked_bytes(chance, _FILES), _check_media, 4),
}
