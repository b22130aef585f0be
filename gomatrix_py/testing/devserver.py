"""A real Synapse on loopback, with SQLite in a temporary folder, for as long as a block runs.

    with DevServer() as hs:
        alice = hs.register("alice", "wonderland")
        alice.create_room("A room of one's own")

``python -m gomatrix_py.testing.devserver`` runs one for playing with. It needs the ``devserver`` extra.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

from ..client import Client
from ..errors import MatrixError, UsageError
from ..http.messages import Limits
from ..http.retry import RetryPolicy

__all__ = ["DevServer", "DevServerError"]

INSTALL = "the development server needs Synapse; run: pip install 'gomatrix_py[devserver]'"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0

# Synapse, in a process that ends with its parent, however that ends: the pipe from it closes, or, where
# a forked child of the parent holds the pipe open, somebody else becomes our parent.
_PROGRAM = """
import os, select, shutil, sys, threading
parent, temporary_folder = int(sys.argv.pop(1)), sys.argv.pop(1)
def end_with_parent():
    while os.getppid() == parent and not select.select([sys.stdin], [], [], 1.0)[0]:
        pass
    if temporary_folder:
        shutil.rmtree(temporary_folder, ignore_errors=True)
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
from synapse.app.homeserver import main
main()
"""

_NO_LIMIT = {"per_second": 100_000, "burst_count": 100_000}


C = TypeVar("C", bound=Client)


class DevServerError(MatrixError):
    """The development server did not start; the message ends with its log."""


class DevServer:
    """A Synapse of its own: every user and room is gone when it stops.

    Args:
        server_name: the domain of its users and rooms.
        config: further settings of homeserver.yaml, which win over ours.
        keep_in: a folder to keep its data in; a temporary one where it is left out.

    Raises:
        UsageError: Synapse is not installed; the message says how to.
    """

    def __init__(
        self,
        server_name: str = "localhost",
        *,
        config: Mapping[str, Any] | None = None,
        keep_in: str | Path | None = None,
    ) -> None:
        if importlib.util.find_spec("synapse") is None:
            raise UsageError(INSTALL)
        self.server_name = server_name
        self._config = dict(config or {})
        self._keep_in = Path(keep_in).absolute() if keep_in else None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._secret = secrets.token_hex(16)
        self._port = _Port()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    # ------------------------------------------------------------ life

    @property
    def url(self) -> str:
        """The base URL, for `Client`; it stays the same when the server is started again."""
        return f"http://127.0.0.1:{self._port.number}"

    @property
    def folder(self) -> Path:
        """Where its data, settings and log are.

        Raises:
            UsageError: they are nowhere: it was not started, or was stopped.
        """
        if self._keep_in is not None:
            return self._keep_in
        if self._temporary is None:
            raise UsageError("the server has a folder only while it is started")
        return Path(self._temporary.name)

    @property
    def pid(self) -> int:
        """The process id, 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> DevServer:
        """Start it and wait until it answers.

        After `kill` it has its data and port as before; after `stop` it starts from nothing, unless its
        data is kept in a folder.

        Raises:
            DevServerError: it ended, or did not answer within a minute.
        """
        if not self.pid:
            self._end(graceful=False)
            try:
                self._port.reserve()
                if self._keep_in is None and self._temporary is None:
                    self._temporary = tempfile.TemporaryDirectory(
                        prefix="gomatrix_py-devserver-", ignore_cleanup_errors=True
                    )
                self._write_config()
                self._spawn()
            except BaseException:
                self.stop()
                raise
        return self

    def _spawn(self) -> None:
        temporary_folder = self._temporary.name if self._temporary is not None else ""
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    sys.executable,
                    "-c",
                    _PROGRAM,
                    str(os.getpid()),
                    temporary_folder,
                    "-c",
                    str(self.folder / "homeserver.yaml"),
                ],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C is for us; the server ends after its clients
            )
        self._wait_until_it_answers(self._process)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        probe = Client(self.url, retry=RetryPolicy.never(), limits=Limits(total_s=5, read_s=5, connect_s=5))
        deadline = time.monotonic() + START_LIMIT_S
        with contextlib.closing(probe):
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    raise DevServerError(f"Synapse ended with {process.returncode}:\n{self.log_tail()}")
                try:
                    probe.versions()
                    return
                except MatrixError:
                    time.sleep(0.05)
        raise DevServerError(f"Synapse does not answer at {self.url}:\n{self.log_tail()}")

    def stop(self) -> None:
        """Close its clients, end it, and remove its data if that is temporary; twice does nothing."""
        with contextlib.ExitStack() as todo:
            if self._temporary is not None:
                todo.callback(self._temporary.cleanup)
                self._temporary = None
            todo.callback(self._port.release)
            todo.callback(self._end, graceful=True)
            for client in self._clients:
                todo.push(client)
            self._clients = []

    def wait(self) -> None:
        """Block until it ends."""
        if self._process is not None:
            self._process.wait()

    def kill(self) -> None:
        """End it as a crash would; `start` brings it back with what it had committed."""
        self._end(graceful=False)

    def _end(self, *, graceful: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if graceful:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_LIMIT_S)
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def __enter__(self) -> DevServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and isinstance(error, Exception):
            sys.stderr.write(f"the last lines of Synapse's log:\n{self.log_tail()}\n")
        self.stop()

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines it logged or printed."""
        text = ""
        for name in ("homeserver.log", "output.log"):
            with contextlib.suppress(OSError, UsageError):
                text += (self.folder / name).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    # ------------------------------------------------------------ people

    @overload
    def register(
        self, name: str, password: str, admin: bool = False, *, client_class: type[C], **options: Any
    ) -> C: ...

    @overload
    def register(self, name: str, password: str, admin: bool = False, **options: Any) -> Client: ...

    def register(
        self, name: str, password: str, admin: bool = False, *, client_class: Any = Client, **options: Any
    ) -> Any:
        """Make an account, by the shared secret, and return a client that is logged in.

        Args:
            name: the localpart.
            password: of the account.
            admin: make it a server administrator.
            client_class: such as `CryptoClient`.
            options: as for `Client`; a store and syncer of its own, for example.

        Raises:
            HTTPError: the name is taken, or is none.
        """
        client = client_class(self.url, **options)
        self._clients.append(client)
        url = client.build_base_url("_synapse", "admin", "v1", "register")
        nonce = client.make_request("GET", url)["nonce"]
        parts = [nonce, name, password, "admin" if admin else "notadmin"]
        mac = hmac.new(self._secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        answer = client.make_request(
            "POST", url, {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        )
        client.set_credentials(answer["user_id"], answer["access_token"], answer["device_id"])
        return client

    @overload
    def login(self, name: str, password: str, *, client_class: type[C], **options: Any) -> C: ...

    @overload
    def login(self, name: str, password: str, **options: Any) -> Client: ...

    def login(self, name: str, password: str, *, client_class: Any = Client, **options: Any) -> Any:
        """Return a client with a new session of an account; see `register`."""
        client = client_class(self.url, **options)
        self._clients.append(client)
        client.login_with_password(name, password)
        return client

    # ------------------------------------------------------------ settings

    def _write_config(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / "signing.key"
        if not key.exists():
            seed = base64.b64encode(os.urandom(32)).decode().rstrip("=")
            key.write_text(f"ed25519 a_{secrets.token_hex(2)} {seed}\n", encoding="ascii")
        logs = {
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": str(folder / "homeserver.log")}},
            "root": {"level": "WARNING", "handlers": ["file"]},
            "disable_existing_loggers": False,
        }
        (folder / "log.yaml").write_text(json.dumps(logs), encoding="utf-8")
        settings = {**self._settings(), **self._config}
        (folder / "homeserver.yaml").write_text(json.dumps(settings, indent=2), encoding="utf-8")

    def _settings(self) -> dict[str, Any]:
        folder = self.folder
        return {
            "server_name": self.server_name,
            "public_baseurl": f"{self.url}/",
            "listeners": [
                {
                    "port": self._port.number,
                    "bind_addresses": ["127.0.0.1"],
                    "type": "http",
                    "tls": False,
                    "resources": [{"names": ["client", "keys"], "compress": False}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
            "log_config": str(folder / "log.yaml"),
            "media_store_path": str(folder / "media"),
            "signing_key_path": str(folder / "signing.key"),
            "registration_shared_secret": self._secret,
            "macaroon_secret_key": self._secret,
            "form_secret": self._secret,
            "report_stats": False,
            "trusted_key_servers": [],
            "suppress_key_server_warning": True,
            "federation_domain_whitelist": [],
            "enable_registration": True,
            "enable_registration_without_verification": True,
            "allow_guest_access": True,
            "allow_public_rooms_without_auth": True,
            "room_list_publication_rules": [{"action": "allow"}],
            "bcrypt_rounds": 4,
            "turn_uris": ["turn:127.0.0.1:3478?transport=udp"],
            "turn_shared_secret": self._secret,
            "max_upload_size": "300M",
            "rc_message": _NO_LIMIT,
            "rc_registration": _NO_LIMIT,
            "rc_login": {"address": _NO_LIMIT, "account": _NO_LIMIT, "failed_attempts": _NO_LIMIT},
            "rc_admin_redaction": _NO_LIMIT,
            "rc_joins": {"local": _NO_LIMIT, "remote": _NO_LIMIT},
            "rc_joins_per_room": _NO_LIMIT,
            "rc_invites": {"per_room": _NO_LIMIT, "per_user": _NO_LIMIT, "per_issuer": _NO_LIMIT},
            "rc_media_create": _NO_LIMIT,
            "rc_room_creation": _NO_LIMIT,
            "rc_presence": {"per_user": _NO_LIMIT},
            "rc_user_directory": _NO_LIMIT,
        }


class _Port:
    """A free port of loopback that stays ours while nobody listens there.

    Linux gives no port away that a socket is bound to; without that, a client that tries to reach a
    server which is down can be given the server's own port, and so take its place.
    """

    def __init__(self) -> None:
        self.number = 0
        self._reservation: socket.socket | None = None

    def reserve(self) -> None:
        if self._reservation is not None:
            return
        reservation = socket.socket()
        try:
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reservation.bind(("127.0.0.1", self.number))
        except BaseException:
            reservation.close()
            raise
        self.number = reservation.getsockname()[1]
        if sys.platform == "linux":
            self._reservation = reservation
        else:  # elsewhere a bound socket would keep the server itself out
            reservation.close()

    def release(self) -> None:
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None


def _play() -> None:
    """Run a server until Ctrl-C, with two users to play with."""
    print("starting Synapse …", flush=True)
    with DevServer() as hs:
        for name in ("alice", "bob"):
            hs.register(name, "secret", admin=name == "alice")
        print(f"""it runs at {hs.url}, with the users alice (an administrator) and bob, password "secret".

    from gomatrix_py import Client
    client = Client("{hs.url}")
    client.login_with_password("alice", "secret")
    client.create_room("Playground")

Press Ctrl-C to end it; everything in it is gone then.""", flush=True)  # fmt: skip
        hs.wait()
        raise DevServerError(f"Synapse ended by itself:\n{hs.log_tail()}")


if __name__ == "__main__":
    try:
        _play()
    except KeyboardInterrupt:
        print("ended", flush=True)
    except MatrixError as error:
        raise SystemExit(str(error)) from None
