"""`emxc:` URIs of encrypted files."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import UsageError
from gomatrix_py.events.contents.encrypted_file import EncryptedFile, JsonWebKey
from gomatrix_py.media.plumbing import encrypted_mxc_to_plumb

KEY = JsonWebKey("oct", "A256CTR", "aWF6-32_KGYaC3A")


def encrypted(**hashes: str) -> EncryptedFile:
    return EncryptedFile("mxc://example.org/abc", KEY, "w+sE15fzSc0A/=", hashes, "v2")


def test_all_that_is_needed_to_read_the_file_survives() -> None:
    file = encrypted(sha256="fdSLu/YkRx3W+&=")
    url = Client("https://matrix.example.org:8448").mxc_to_http(file.url)
    uri = urlsplit(encrypted_mxc_to_plumb(file, url, "image/svg+xml"))
    assert (uri.scheme, uri.netloc, uri.path) == ("emxc", "matrix.example.org:8448", urlsplit(url).path)
    assert parse_qs(uri.query, strict_parsing=True) == {
        "key": ["aWF6-32_KGYaC3A"],
        "hash": ["fdSLu/YkRx3W+&="],
        "iv": ["w+sE15fzSc0A/="],
        "mimetype": ["image/svg+xml"],
    }


def test_the_kind_is_left_out_where_it_is_not_known() -> None:
    uri = encrypted_mxc_to_plumb(encrypted(sha256="x"), "http://localhost/_matrix/x")
    assert "mimetype" not in uri


@pytest.mark.parametrize("url", ["mxc://example.org/abc", "https:///path", "", "emxc://example.org/x"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"no http\(s\) URL"):
        encrypted_mxc_to_plumb(encrypted(sha256="x"), url)


def test_without_a_hash_nobody_could_check_the_file() -> None:
    with pytest.raises(UsageError, match="SHA-256") as caught:
        encrypted_mxc_to_plumb(encrypted(md5="x"), "https://example.org/x")
    assert "KGYaC3A" not in str(caught.value)
