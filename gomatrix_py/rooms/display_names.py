"""What members are called, so that nobody can pass for another.

Spec: module "Instant messaging", "Calculating the display name for a user".
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["NameTable", "folded_name"]

_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the writing direction of what follows them."""

_UNSEEN = re.compile(
    "[\\s\u0000-\u001f\u007f-\u009f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff]+"
)
"""White space, what has no shape of its own, and accents, which may be too small to see or added to any letter."""

_ALIKE = {
    "a": "\u0410\u0430\u0391\u03b1",
    "b": "\u0412\u0392\u042c\u044c",
    "c": "\u0421\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0415\u0435\u0395",
    "g": "\u0261\u0581",
    "h": "\u041d\u04bb\u0397\u0570",
    "j": "\u0408\u0458",
    "k": "\u041a\u039a",
    "l": "Ii1|\u0131\u0406\u0456\u0399\u03b9\u04c0\u04cf",
    "m": "\u041c\u039c",
    "n": "\u039d\u0578",
    "o": "0\u041e\u043e\u039f\u03bf\u0585",
    "p": "\u0420\u0440\u03a1\u03c1",
    "q": "\u051b\u0566",
    "s": "\u0405\u0455",
    "t": "\u0422\u03a4",
    "u": "\u057d\u03c5",
    "v": "\u0475\u03bd",
    "w": "\u051d",
    "x": "\u0425\u0445\u03a7\u03c7",
    "y": "\u0423\u0443\u03a5\u04af",
    "z": "\u0396",
}
_LOOKALIKES = {ord(alike): latin for latin, all_alike in _ALIKE.items() for alike in all_alike}
"""Letters of Cyrillic, Greek and Armenian, and digits, that are drawn as a Latin letter is.

The small i is drawn otherwise than l, but the large one is not, and both are to be the same.
"""

_ASCII = {code: None if _UNSEEN.match(chr(code)) else _LOOKALIKES.get(code, chr(code).lower()) for code in range(128)}


@lru_cache(maxsize=8192)
def folded_name(name: str) -> str:
    """Return what a name has in common with all that look like it; "" where nothing of it can be seen.

    Source: specification as above; Unicode Technical Standard 39 is the model of what looks alike.
    """
    if name.isascii():  # the same by one table, as most names are such and rooms may have many
        return name.translate(_ASCII)
    # lookalikes before and after: some are found only in the compatible form, others lose their shape in it
    plain = unicodedata.normalize("NFKD", name.translate(_LOOKALIKES))
    return _UNSEEN.sub("", plain).translate(_LOOKALIKES).casefold()


def _has_an_id(folded: str) -> bool:
    """Tell whether a name holds what could be read as a user id."""
    at = folded.find("@")
    colon = folded.find(":", at + 2) if at >= 0 else -1
    return 0 <= colon < len(folded) - 1


class NameTable:
    """The display names of one room, kept so that one look tells who shares a name."""

    __slots__ = ("_names", "_users")

    def __init__(self) -> None:
        self._names: dict[str, str | None] = {}
        self._users: dict[str, set[str]] = {}

    def put(self, user_id: str, display_name: str | None, *, is_seen: bool) -> None:
        """Take in a member's name.

        Args:
            user_id: whose.
            display_name: the name as the member event says it, None where it says none.
            is_seen: True for members who are in the room or invited; only their names count as taken.
        """
        before = self._names.get(user_id)
        if before is not None:
            self._users.get(folded_name(before), set()).discard(user_id)
        self._names[user_id] = display_name
        if is_seen and display_name is not None:
            self._users.setdefault(folded_name(display_name), set()).add(user_id)

    def __len__(self) -> int:
        return len(self._names)

    def users_called(self, name: str) -> list[str]:
        """Return the ids of those in the room, or invited, whose name looks like this one, sorted."""
        return sorted(self._users.get(folded_name(name), ()))

    def name_of(self, user_id: str) -> str:
        """Return what a user is to be called: the name, with the id behind it where it could be somebody else's."""
        name = self._names.get(user_id)
        folded = folded_name(name) if name is not None else ""
        if name is None or not folded or name == user_id:
            return user_id
        is_shared = bool(self._users.get(folded, set()) - {user_id})
        if is_shared or _DIRECTION.search(name) or _has_an_id(folded):
            return f"{_DIRECTION.sub('', name)} ({user_id})"
        return name
