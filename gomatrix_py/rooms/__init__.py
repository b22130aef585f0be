"""Rooms: their state and what can be said of it."""

from .room import Membership, Room, merged_summary
from .state import RoomState, StateSource

__all__ = ["Membership", "Room", "RoomState", "StateSource", "merged_summary"]
