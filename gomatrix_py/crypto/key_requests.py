"""Asking our other devices for room keys, and giving them ours. Spec: "Key requests".

Keys go to verified devices of our own user, under the identity key that we know of each; requests of others are
dropped, unless they are asked for, and then each of them is for people to decide on.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Any

import attrs

from ..clock import Clock
from ..errors import BadKey, CryptoError
from ..events import Event
from . import spaces
from .account import OwnKeys
from .device_info import DeviceInfo, Trust
from .devices import Devices
from .exported_keys import ExportedKey, forwarders_of, taken
from .inbound import MEGOLM, Inbound, KeySource
from .olm import DecryptedMessage, OlmMachine
from .outbound import Outbound
from .steps import Step
from .to_device_queue import enqueue
from .trust import BLACKLISTED, VERIFIED, is_refused

__all__ = ["KeyRequest", "KeyRequests"]
