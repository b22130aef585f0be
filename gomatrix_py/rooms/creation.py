"""What a room was made as. Spec: "Room Events", ``m.room.create``; room versions."""

from __future__ import annotations

from .reading import StateReading, texts_in

__all__ = ["CreationView", "has_privileged_creators", "version_number"]

_CREATE = "m.room.create"
_LAST_VERSION_WITH_CREATOR_IN_CONTENT = 10
_FIRST_VERSION_WITH_PRIVILEGED_CREATORS = 12
_UNSTABLE_VERSIONS = {"org.matrix.hydra.11": 12, "org.matrix.msc3757.10": 10, "org.matrix.msc3757.11": 11}
_MAX_DIGITS = 4


def version_number(room_version: str) -> int | None:
    """Return the version of the specification whose rules a room version has, None where that is not known."""
    if room_version in _UNSTABLE_VERSIONS:
        return _UNSTABLE_VERSIONS[room_version]
    is_number = room_version.isascii() and room_version.isdecimal() and len(room_version) <= _MAX_DIGITS
    return int(room_version) if is_number else None


def has_privileged_creators(room_version: str) -> bool:
    """Tell whether creators stand above all levels in rooms of a version. Source: room version 12."""
    return (version_number(room_version) or 0) >= _FIRST_VERSION_WITH_PRIVILEGED_CREATORS


class CreationView(StateReading):
    """What a room was made as, and by whom; nothing of it can be changed later."""

    __slots__ = ()

    @property
    def room_version(self) -> str:
        """The version of the room's rules, "1" where nothing is said."""
        return self._text(_CREATE, "room_version") or "1"

    @property
    def room_type(self) -> str | None:
        """Such as ``m.space``; None for an ordinary room."""
        return self._text(_CREATE, "type")

    @property
    def is_space(self) -> bool:
        """True for a space."""
        return self.room_type == "m.space"

    @property
    def is_federated(self) -> bool:
        """False where users of other servers are kept out."""
        return self._content(_CREATE).get("m.federate") is not False

    @property
    def creators(self) -> tuple[str, ...]:
        """The ids of those who made the room; more than one from version 12 on, none where it is not known.

        Source: room version 12, "Event format"; room version 11, "creator".
        """
        event = self._state_event(_CREATE)
        if event is None:
            return ()
        if has_privileged_creators(self.room_version):
            named = texts_in(event.content.get("additional_creators"))
            return tuple(dict.fromkeys([event.sender, *named] if event.sender else named))
        number = version_number(self.room_version)
        said = event.content.get("creator")
        if number is not None and number <= _LAST_VERSION_WITH_CREATOR_IN_CONTENT and isinstance(said, str) and said:
            return (said,)
        return (event.sender,) if event.sender else ()
