"""Voice messages as events of their own. MSC3245; what clients send today is `RoomMessageAudio`."""

from __future__ import annotations

from ...codec import Document, field
from .extensible import AudioDetails, FileBlock, TextBlock

__all__ = ["UnstableVoiceContent", "VoiceContent"]


class VoiceContent(Document):
    """Content of ``m.voice``."""

    file: FileBlock = field(name="m.file")
    audio_details: AudioDetails | None = field(default=None, name="m.audio_details")
    text: TextBlock | None = field(default=None, name="m.text")


class UnstableVoiceContent(VoiceContent):
    """Content of ``org.matrix.msc3245.voice.v2``."""

    file: FileBlock = field(name="org.matrix.msc1767.file")
    audio_details: AudioDetails | None = field(default=None, name="org.matrix.msc1767.audio_details")
    text: TextBlock | None = field(default=None, name="org.matrix.msc1767.text")
