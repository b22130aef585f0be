"""Pictures are read as in a process of their own."""

from __future__ import annotations

import PIL.ImageFile
import pytest


@pytest.fixture(autouse=True)
def _as_pillow_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    # importing Synapse, as other tests do in this process, tells Pillow to take pictures that are cut for whole
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", False)
