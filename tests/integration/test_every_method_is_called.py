"""No method of gomatrix's, nor of this package's beside them, goes without a test on a real homeserver."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gomatrix_py import Client
from gomatrix_py.sync import DefaultSyncer

METHODS = """
    ban_user build_base_url build_url capabilities clear_credentials context create_filter create_room download
    fill_gap forget_room gaps get_avatar_url get_display_name get_event get_filter get_login_flows get_media
    get_media_config get_media_config_legacy get_media_legacy get_media_named get_own_display_name
    get_own_status get_profile get_profile_field get_room_state get_state_content get_status get_thumbnail
    get_thumbnail_legacy invite_user invite_user_by_third_party join_room join_room_by_id joined_members
    joined_rooms kick_user leave_room load_room login login_with_password logout logout_all make_request
    mark_read media_config members messages on_request on_response public_rooms public_rooms_filtered
    query_public_rooms redact_event refresh register register_dummy register_guest relations
    relations_by_type relations_by_type_and_event_type send_formatted_text send_image send_message_event
    send_notice send_receipt send_state_event send_text send_video set_avatar_url set_credentials
    set_display_name set_profile_field set_status start_sync state_event stop_sync sync sync_once sync_request
    thumbnail turn_server unban_user upload_content upload_link upload_to_content_repo user_typing versions
    whoami
"""
SYNCER_METHODS = "on_event on_event_type on_response on_source remove_listener"


def _called() -> set[str]:
    called: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            called |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return called


@pytest.mark.parametrize(("owner", "methods"), [(Client, METHODS), (DefaultSyncer, SYNCER_METHODS)])
def test_every_method_is_called(owner: type, methods: str) -> None:
    names = methods.split()
    assert [name for name in names if not hasattr(owner, name)] == []
    assert sorted(set(names) - _called()) == []


def test_a_method_nobody_calls_would_be_noticed() -> None:
    assert {"whoami", "no_such_method"} - _called() == {"no_such_method"}
