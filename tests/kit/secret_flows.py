"""A client that does everything a secret goes into, logs all of it, and says what it could not help saying.

``python -m tests.kit.secret_flows URL FOLDER LOG_BYTES [careless]``: every logger there is writes to
``FOLDER/log`` at DEBUG, until it holds so many bytes; files go to FOLDER under an umask of 000. `careless`
logs the headers of each request, and trusts the environment; for control tests.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from gomatrix_py import Client, RetryPolicy, SQLiteStore
from gomatrix_py.errors import MatrixError

__all__ = ["PROXY_PASSWORD", "SECRETS", "USER"]

USER = "@alice:scripted"
SECRETS = {
    name: f"planted-{name}-91c4"
    for name in (
        *("password", "new-password", "login-token", "access-token", "refresh-token", "new-access-token"),
        *("new-refresh-token", "message", "signature", "id-access-token", "wrong-password"),
    )
}
PROXY_PASSWORD = "planted-netrc-password-91c4"


def _flows(client: Client) -> list[Callable[[], Any]]:
    return [
        lambda: client.login_with_password("alice", SECRETS["password"]),
        lambda: client.login_with_password("alice", SECRETS["wrong-password"]),
        lambda: client.login("m.login.token", token=SECRETS["login-token"]),
        lambda: client.set_credentials(USER, SECRETS["access-token"]),
        client.whoami,
        lambda: client.refresh(SECRETS["refresh-token"]),
        lambda: client.send_text("!room:scripted", SECRETS["message"]),
        lambda: client.send_text("!refused:scripted", SECRETS["message"]),
        client.sync_once,
        lambda: client.upload_to_content_repo(SECRETS["message"].encode(), "text/plain"),
        lambda: client.download("mxc://scripted/elsewhere"),
        lambda: client.download("mxc://scripted/broken"),
        lambda: client.create_room(SECRETS["message"]),
        lambda: client.invite_user_by_third_party("!r:s", "id", "email", "a@b", SECRETS["id-access-token"]),
        lambda: client.make_request("GET", client.build_url_with_query(["x"], {"token": SECRETS["signature"]})),
        lambda: client.session.save(Path(os.environ["FLOWS"]) / "session.json"),
    ]


def _run(client: Client, log: logging.Logger) -> None:
    for flow in _flows(client):
        try:
            result = flow()
        except (MatrixError, ValueError) as error:
            log.debug("%s %r %s", error, error, "".join(traceback.format_exception(error)))
            with contextlib.suppress(TypeError, pickle.PicklingError):
                log.debug("%r", pickle.dumps(error))
        else:
            log.debug("%r", result)
        log.debug("%r %r", client, client.session)


def _be_careless(client: Client, url: str, log: logging.Logger) -> None:
    headers = {"Authorization": f"Bearer {client.access_token}"}
    log.debug("%s", headers)
    requests.get(f"{url}/_matrix/client/v3/account/whoami", headers=headers, timeout=10)


def main(url: str, folder: str, log_bytes: str, manner: str = "") -> None:
    """Do it all until the log is long enough."""
    os.umask(0)
    os.environ["FLOWS"] = folder
    path = Path(folder, "log")
    logging.basicConfig(filename=path, level=logging.DEBUG)
    for name in ("gomatrix_py", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    log = logging.getLogger("flows")
    while not path.exists() or path.stat().st_size < int(log_bytes):
        store = SQLiteStore(Path(folder, "store"))
        with Client(url, USER, SECRETS["access-token"], store=store, retry=RetryPolicy.never()) as client:
            _run(client, log)
            if manner:
                _be_careless(client, url, log)
    path.chmod(0o600)


if __name__ == "__main__":
    main(*sys.argv[1:])
