"""Rooms: their state and what can be said of it."""

from .account_data import AccountContents, AccountSource
from .facts import RoomFacts, UnreadCounts
from .receipts import MAIN_TIMELINE, Receipt, Receipts
from .room import Membership, Room, merged_summary
from .state import RoomState, StateSource

__all__ = [
    "MAIN_TIMELINE",
    "AccountContents",
    "AccountSource",
    "Membership",
    "Receipt",
    "Receipts",
    "Room",
    "RoomFacts",
    "RoomState",
    "StateSource",
    "UnreadCounts",
    "merged_summary",
]
