"""Methods of the client that no other test here calls, on a real Synapse."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import requests

from gomatrix_py import Client, DefaultSyncer, Event, EventSource, SQLiteStore
from gomatrix_py.client.client_warnings import AccessTokenRejected, ClientWarning
from gomatrix_py.client.metrics import Counters
from gomatrix_py.errors import ListenerFailed, NotFound, UnknownToken, UsageError
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Transport
from gomatrix_py.send.echoes import is_same_event
from gomatrix_py.sync import raise_listener_error
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.cas_server import CasServer


def bodies(client: Client, room_id: str) -> list[str | None]:
    """Return the texts of a room, the oldest first."""
    history = client.messages_iter(room_id, direction="f")
    return [event.body for event in history if event.type == "m.room.message"]


# ------------------------------------------------------------------ the outbox


def test_what_is_queued_goes_out_in_order_and_once(alice: Client, bob: Client, room_id: str) -> None:
    first = alice.queue_text(room_id, "first")
    second = alice.queue_event(room_id, "m.room.message", {"msgtype": "m.text", "body": "second"})
    assert [row.id for row in alice.outbox.pending(room_id)] == [first.id, second.id]
    assert bodies(bob, room_id) == []
    assert alice.outbox.flush()
    assert alice.outbox.flush()
    assert bodies(bob, room_id) == ["first", "second"]
    assert list(alice.outbox.pending()) == []


def test_what_waits_goes_out_before_what_is_sent_now(alice: Client, room_id: str) -> None:
    alice.queue_text(room_id, "queued")
    alice.send_text(room_id, "sent")
    assert bodies(alice, room_id) == ["queued", "sent"]


def test_what_is_queued_outlives_the_process(
    matrix_user: MatrixUser, matrix_server: DevServer, tmp_path: Path
) -> None:
    client = matrix_user("carol", store=SQLiteStore(tmp_path / "store"))
    made = client.create_room().room_id
    client.queue_text(made, "kept")
    session = client.session
    client.close()
    with Client.from_session(session, store=SQLiteStore(tmp_path / "store")) as later:
        assert later.outbox.flush()
        assert bodies(later, made) == ["kept"]


def test_a_redaction_waits_too(alice: Client, bob: Client, room_id: str) -> None:
    sent = alice.send_text(room_id, "a slip")
    alice.queue_redaction(room_id, sent.event_id, "never mind")
    assert bob.get_event(room_id, sent.event_id).body == "a slip"
    assert alice.outbox.flush(room_id=room_id)
    assert bob.get_event(room_id, sent.event_id).content == {}


def test_a_local_echo_is_known_again(alice: Client, room_id: str) -> None:
    echoes: list[Event] = []
    alice.on_local_echo(echoes.append)
    sent = alice.send_text(room_id, "heard at once")
    (echo,) = echoes
    assert (echo.event_id, echo.body, echo.sender) == ("", "heard at once", alice.user_id)
    assert is_same_event(echo, alice.get_event(room_id, sent.event_id))
    other = alice.send_text(room_id, "heard at once")
    assert not is_same_event(echo, alice.get_event(room_id, other.event_id))


def test_a_file_waits_too(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_bytes(b"here be dragons")
    alice.queue_file(room_id, tmp_path / "map.txt", caption="the way")
    assert [event for event in bob.messages_iter(room_id) if event.message_type == "m.file"] == []
    assert alice.outbox.flush()
    assert alice.outbox.flush()
    (event,) = (event for event in bob.messages_iter(room_id) if event.message_type == "m.file")
    assert (event.body, bob.download_attachment(event).content) == ("the way", b"here be dragons")


# ------------------------------------------------------------------ what goes wrong


def test_an_event_waits_for_its_listener_or_is_set_aside(alice: Client, bob: Client, room_id: str) -> None:
    heard: list[str | None] = []
    is_broken = True

    def listen(event: Event) -> None:
        if is_broken:
            raise ValueError("not today")
        heard.append(event.body)

    bob.syncer = syncer = DefaultSyncer(listener_policy=raise_listener_error)
    bob.sync_once()
    syncer.on_source(EventSource.TIMELINE, listen, event_type="m.room.message")
    sent = alice.send_text(room_id, "curiouser").event_id
    with pytest.raises(ListenerFailed):
        bob.sync_once()
    (row,) = bob.journal()
    assert (row.event_id, bob.quarantine()) == (sent, [])
    syncer.store.set_aside(row, "it hurts")  # type: ignore[union-attr] # as after the third try
    assert [(one.event_id, one.reason) for one in bob.quarantine()] == [(sent, "it hurts")]
    assert bob.journal() == []
    is_broken = False
    assert [one.event_id for one in bob.retry_quarantined()] == [sent]
    assert (heard, bob.quarantine(), bob.journal()) == (["curiouser"], [], [])
    assert bob.forget_quarantined() == 0


def test_a_check_up_says_what_is_wrong(alice: Client, room_id: str) -> None:
    alice.sync_once()
    found = alice.doctor()
    assert found
    assert not found.problems
    assert found.about("session")
    with Client(alice.homeserver_url, alice.user_id, "not-the-token", device_id="GONE") as stranger:
        found = stranger.doctor()
    assert not found
    assert {one.topic for one in found.problems} == {"session"}


def test_what_is_done_is_counted(alice: Client, room_id: str) -> None:
    counters = alice.on_metric(Counters())
    alice.send_text(room_id, "one")
    alice.sync_once()
    assert isinstance(counters, Counters)
    names = {name for name, _ in counters.totals()}
    assert {"request_seconds", "sync_events", "sync_commit_seconds", "outbox_rows"} <= names


def test_a_session_that_was_ended_elsewhere_warns(alice: Client) -> None:
    warned: list[ClientWarning] = []
    alice.on_warning(warned.append)
    alice.sync_once()
    with Client(alice.homeserver_url, alice.user_id, alice.access_token) as elsewhere:
        elsewhere.logout()
    with pytest.raises(UnknownToken):
        alice.sync()
    assert warned == [AccessTokenRejected(is_soft_logout=False)]


# ------------------------------------------------------------------ sessions


def test_a_saved_session_is_its_owners_only(alice: Client, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    alice.save_session(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Client.from_session(path) as later:
        assert (later.whoami().device_id, later.user_id) == (alice.device_id, alice.user_id)
    alice.logout()
    assert not path.exists()


def test_the_environment_says_who_we_are(alice: Client, tmp_path: Path) -> None:
    said = {"MATRIX_HOMESERVER": alice.homeserver_url, "MATRIX_ACCESS_TOKEN": alice.access_token}
    with Client.from_env(said) as client:
        assert (client.user_id, client.device_id) == (alice.user_id, alice.device_id)
    alice.save_session(tmp_path / "session")
    with Client.from_env({"MATRIX_SESSION_FILE": str(tmp_path / "session")}) as client:
        assert client.whoami().user_id == alice.user_id
    with pytest.raises(UsageError, match="MATRIX_PASSWORD"):
        Client.from_env({"MATRIX_HOMESERVER": alice.homeserver_url, "MATRIX_USER_ID": alice.user_id})


def test_the_environment_may_hold_a_password(matrix_user: MatrixUser) -> None:
    dodo = matrix_user("dodo", "caucus race")
    said = {
        "MATRIX_HOMESERVER": dodo.homeserver_url,
        "MATRIX_USER_ID": dodo.user_id,
        "MATRIX_PASSWORD": "caucus race",
    }
    with Client.from_env(said) as client:
        assert client.whoami().user_id == dodo.user_id
        assert client.device_id != dodo.device_id


def test_the_addresses_of_single_sign_on_lead_to_the_provider() -> None:
    with CasServer("hatter") as cas:
        cas_config = {"enabled": True, "server_url": cas.url, "idp_name": "Tea party"}
        with DevServer(config={"cas_config": cas_config}) as server, Client(server.url) as client:
            back = "http://127.0.0.1:1/back"
            for url in (client.get_sso_redirect_url(back), client.get_idp_redirect_url("cas", back, "login")):
                answer = requests.get(url, allow_redirects=False, timeout=30)
                assert answer.status_code == 302
                assert answer.headers["Location"].startswith(cas.url)


# ------------------------------------------------------------------ rooms by their handle


def test_the_directory_lists_a_room_that_wants_it(alice: Client, room_id: str) -> None:
    room = alice.room(room_id)
    assert room.get_visibility().visibility == "private"
    room.set_visibility("public")
    assert room.get_visibility().visibility == "public"


def test_a_room_is_encrypted_for_good(alice: Client, room_id: str) -> None:
    room = alice.room(room_id)
    alice.sync_once()
    was_encrypted = room.is_encrypted
    room.enable_encryption()
    alice.sync_once()
    assert (was_encrypted, room.is_encrypted) == (False, True)
    assert room.encryption is not None
    assert room.encryption.algorithm == "m.megolm.v1.aes-sha2"


def test_several_power_levels_at_once(alice: Client, bob: Client, room_id: str) -> None:
    room = alice.room(room_id)
    alice.sync_once()
    levels = room.edit_power_levels().with_user(bob.user_id, 50).with_event("m.room.name", 75)
    room.set_power_levels(levels)
    alice.sync_once()
    assert room.power_level(bob.user_id) == 50
    assert not room.may_send(bob.user_id, "m.room.name", is_state=True)
    assert room.may_send(bob.user_id, "m.room.topic", is_state=True)


def test_a_room_is_reported(bob: Client, room_id: str) -> None:
    bob.room(room_id).report("all mad here")
    with pytest.raises(NotFound):
        bob.room("!nowhere:localhost").report("there is no such room")


# ------------------------------------------------------------------ the rest


def test_which_direct_chat_we_have_with_somebody(alice: Client, bob: Client) -> None:
    assert alice.get_direct_room_id(bob.user_id) is None
    made = alice.direct_room(bob.user_id, create=True)
    assert made is not None
    assert alice.get_direct_room_id(bob.user_id) == made.id
    made.set_direct(None)
    assert alice.get_direct_room_id(bob.user_id) is None


def test_what_the_server_can_do_is_asked_once(alice: Client) -> None:
    asked: list[str] = []
    alice.on_request(lambda request: asked.append(request.url))
    features = alice.server_features()
    assert "v1.11" in alice.server_versions
    assert tuple(features.versions) == alice.server_versions
    assert features.unstable_features
    assert len(asked) == 1
    alice.server_features(refresh=True)
    assert len(asked) == 2


def test_a_url_with_a_query_leads_where_it_says(alice: Client, room_id: str) -> None:
    alice.send_text(room_id, "the newest")
    url = alice.build_url_with_query(["rooms", room_id, "messages"], {"dir": "b", "limit": 1})
    page = alice.make_request("GET", url)
    assert [event["content"]["body"] for event in page["chunk"]] == ["the newest"]


class Recorded(Transport):
    """A homeserver that answers one thing."""

    def send(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, b'{"versions": ["v1.16"]}')


def test_a_transport_of_ones_own_asks_nobody() -> None:
    assert Client("https://matrix.example.org", transport=Recorded()).server_versions == ("v1.16",)
