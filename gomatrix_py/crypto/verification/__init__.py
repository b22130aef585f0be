"""Verification of devices by short strings that people compare. Spec: "Device verification".

`Verifications` takes the to-device events of all verifications and says what to send; `Verification` is one of
them. Verification in rooms and by QR code have their place here.
"""

from __future__ import annotations

from .emoji import LANGUAGES, Symbol, symbols
from .keys import Identities, IdentityKeys
from .messages import Code, Outgoing
from .policy import AutoAccept, VerificationPolicy
from .show import as_html, as_text
from .states import Action, Message, State
from .verification import Verification
from .verifications import Verifications

__all__ = [
    "LANGUAGES",
    "Action",
    "AutoAccept",
    "Code",
    "Identities",
    "IdentityKeys",
    "Message",
    "Outgoing",
    "State",
    "Symbol",
    "Verification",
    "VerificationPolicy",
    "Verifications",
    "as_html",
    "as_text",
    "symbols",
]
