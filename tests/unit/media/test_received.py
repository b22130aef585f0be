"""Files as messages tell of them, true or not."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import UsageError
from gomatrix_py.media.received import ReceivedFile, file_of, thumbnail_of

KEY = {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": "c2VjcmV0", "ext": True}
ENCRYPTED = {"url": "mxc://a/b", "key": KEY, "iv": "aXY", "hashes": {"sha256": "aGFzaA"}, "v": "v2"}


def test_a_file() -> None:
    content = {
        "msgtype": "m.image",
        "body": "a caption",
        "filename": "cat.png",
        "url": "mxc://a/b",
        "info": {"mimetype": "image/png", "size": 5, "thumbnail_url": "mxc://a/c", "thumbnail_info": {"size": 2}},
    }
    assert file_of(content) == ReceivedFile("mxc://a/b", None, "cat.png", "image/png", 5)
    assert thumbnail_of(content) == ReceivedFile("mxc://a/c", size=2)


def test_a_sticker_and_an_old_message() -> None:
    assert file_of({"body": "smile", "url": "mxc://a/b", "info": {}}).filename == "smile"


def test_an_encrypted_file() -> None:
    found = file_of({"body": "x", "file": ENCRYPTED, "url": "mxc://ignored/x"})
    assert found.encrypted is not None
    assert (found.url, found.encrypted.iv) == ("mxc://a/b", "aXY")
    assert "c2VjcmV0" not in repr(found)
    inside = thumbnail_of({"info": {"thumbnail_file": ENCRYPTED}})
    assert inside.encrypted is not None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"url": ""},
        {"url": 5},
        {"url": None},
        {"body": "text", "msgtype": "m.text"},
        {"file": None},
        {"file": {"url": "mxc://a/b"}, "url": "mxc://a/b"},
        {"file": "mxc://a/b"},
    ],
)
def test_a_message_without_a_file(content: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        file_of(content)
    with pytest.raises(UsageError):
        thumbnail_of(content)
    with pytest.raises(UsageError):
        thumbnail_of({"url": "mxc://a/b", "info": content})


@pytest.mark.parametrize(
    "info", [None, 5, [], {"size": "5"}, {"size": -1}, {"size": True}, {"mimetype": 5}, {"thumbnail_info": []}]
)
def test_nonsense_beside_the_address(info: Any) -> None:
    assert file_of({"url": "mxc://a/b", "info": info, "body": 5, "filename": []}) == ReceivedFile("mxc://a/b")
