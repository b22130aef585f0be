"""Rows: a large upload and download: how far memory grows, and what CPU they take.

A small transfer goes before each, so that what is loaded at first use is not counted as growth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .corpora import FOLDER, OWN_USER
from .loopback import LoopbackServer
from .measure import Contender, Meter, measure
from .report import Section, Target, row
from .scale import Scale

__all__ = ["sections"]

Facts = dict[str, Any]

AUTHORIZED = {"Authorization": "Bearer token"}
MEBIBYTE = 1024 * 1024
CHUNK = 64 * 1024
GROWTH = Target(8, "MB")
UPLOAD, DOWNLOAD = "upload, client.upload_to_content_repo(file)", "download, client.download(uri, path)"
STREAMED_UP, STREAMED_DOWN = "upload, session.post(data=file)", "download, session.get(stream=True).iter_content"
WHOLE_UP, WHOLE_DOWN = "upload, session.post(data=file.read())", "download, session.get().content"


def sections(scale: Scale) -> list[Section]:
    """Measure both directions."""
    size = {"size": scale.media_mb * MEBIBYTE}
    place = "benchmarks.media_streams"
    contenders = [
        Contender(STREAMED_UP, f"{place}:upload_with_requests", size),
        Contender(WHOLE_UP, f"{place}:upload_with_requests", {**size, "whole": True}),
        Contender(UPLOAD, f"{place}:upload", size),
        Contender(STREAMED_DOWN, f"{place}:download_with_requests", size),
        Contender(WHOLE_DOWN, f"{place}:download_with_requests", {**size, "whole": True}),
        Contender(DOWNLOAD, f"{place}:download", size),
    ]
    readings = measure(contenders, scale.slow_rounds)
    growth, cpu = [], []
    for name, one in readings.items():
        megabytes, target = one.growth / 1e6, GROWTH if name in (UPLOAD, DOWNLOAD) else None
        growth.append(row(name, one, megabytes, f"{megabytes:.1f} MB", target=target))
        streamed = STREAMED_UP if name.startswith("upload") else STREAMED_DOWN
        base, yardstick = readings[streamed].cpu_s, streamed.split(", ", 1)[1]
        cpu.append(row(name, one, one.cpu_s, f"{one.cpu_s * 1000:.0f} ms", base=base, yardstick=yardstick))
    return [
        Section(f"Media of {scale.media_mb} MiB, growth of memory", growth),
        Section(f"Media of {scale.media_mb} MiB, CPU of the client", cpu),
    ]


# ------------------------------------------------------------------ contenders


@contextmanager
def _file(size: int) -> Iterator[IO[bytes]]:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir=FOLDER) as file:
        file.truncate(size)
        yield file


def upload(meter: Meter, size: int) -> Facts:
    """Upload an open file."""
    from gomatrix_py import Client

    with LoopbackServer() as server, Client(server.url, OWN_USER, "token") as client, _file(size) as file:
        client.upload_to_content_repo(b"small")
        meter.note_memory()
        with meter.timed():
            assert client.upload_to_content_repo(file).content_uri
        assert file.tell() == size
    return {}


def upload_with_requests(meter: Meter, size: int, whole: bool = False) -> Facts:
    """Post an open file, or all of it at once."""
    import requests

    with LoopbackServer() as server, requests.Session() as session, _file(size) as file:
        url = f"{server.url}/_matrix/media/v3/upload"
        session.post(url, data=b"small", headers=AUTHORIZED).json()
        meter.note_memory()
        with meter.timed():
            session.post(url, data=file.read() if whole else file, headers=AUTHORIZED).json()
    return {}


def download(meter: Meter, size: int) -> Facts:
    """Download to a path."""
    from gomatrix_py import Client

    with (
        LoopbackServer() as server,
        Client(server.url, OWN_USER, "token") as client,
        tempfile.TemporaryDirectory(dir=FOLDER) as folder,
    ):
        path = Path(folder) / "media"
        client.download("mxc://example.org/1000", path)
        meter.note_memory()
        with meter.timed():
            client.download(f"mxc://example.org/{size}", path)
        assert path.stat().st_size == size
    return {}


def download_with_requests(meter: Meter, size: int, whole: bool = False) -> Facts:
    """Download to a path in pieces, or all at once."""
    import requests

    with (
        LoopbackServer() as server,
        requests.Session() as session,
        tempfile.TemporaryFile(dir=FOLDER) as file,
    ):
        url = f"{server.url}/_matrix/client/v1/media/download/example.org"
        session.get(f"{url}/1000", headers=AUTHORIZED)
        meter.note_memory()
        with meter.timed(), session.get(f"{url}/{size}", headers=AUTHORIZED, stream=not whole) as answer:
            if whole:
                file.write(answer.content)
            else:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
        assert file.tell() == size
    return {}
