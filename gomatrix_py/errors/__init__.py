"""Every error the package raises, in one tree.

::

    MatrixError
    ├── UsageError (also a ValueError)    the caller's mistake, found before any byte is sent
    │   └── FileTooLarge (also a TooLarge) the server says that it takes no file of this size
    ├── TransportError                    no whole answer came back
    │   ├── ConnectError                  no connection; nothing was sent
    │   ├── TLSError                      the certificate or handshake was refused; nothing was sent
    │   ├── AddressRefused                the host is not of the public internet, and only that may be reached
    │   ├── RequestTimeout                connecting, reading or the whole call took too long
    │   ├── TruncatedAnswer               the answer ended early
    │   ├── AnswerTooLarge                the answer passed the byte cap
    │   ├── RedirectRefused               the answer pointed somewhere the rules forbid to follow
    │   └── RequestCancelled              another thread cancelled the call
    ├── HTTPError                         an answer that is not 2xx
    │   ├── UnknownToken, MissingToken    the access token is no longer good, or was not sent
    │   ├── Forbidden, NotFound, Conflict, TooLarge
    │   ├── Unrecognized                  the server does not know the endpoint
    │   │   └── UnsupportedByServer       it lacks the operation, or has dropped it
    │   ├── LimitExceeded                 429, with the wait in seconds
    │   ├── UserInteractive               401 asking for more stages
    │   ├── UserLocked, UserDeactivated, InvalidParam, UnknownPosition
    │   ├── OAuthError                    an OAuth 2.0 provider refused, with its own word for why
    │   └── ServerError                   any 5xx
    ├── DecodeError                       a 2xx answer that is not what the specification says
    ├── DiscoveryError                    .well-known said stop, or made no sense
    ├── SignInError                       a sign-in in a browser did not end well, or cannot be begun
    ├── SessionError                      a saved session cannot be read or written, or must not be used
    ├── PagingError                       page after page without an end
    ├── SendError                         something could not even be tried to be sent
    │   ├── OutboxFull                    too much waits to be sent
    │   └── SendBlocked                   an earlier message of the room, or what this one needs, cannot be sent
    ├── SyncError
    │   ├── SyncTokenRejected             the server keeps refusing our `since`
    │   ├── ListenerFailed                a listener raised and the policy says stop
    │   └── HandlerTimeout                a listener took longer than it may; goes to the listener policy
    ├── TaskError                         work that a server does in the background
    │   ├── TaskFailed                    it ended without having done it
    │   └── TaskTimeout                   it had not ended when our time was up, and goes on
    ├── CryptoError                       each with a stable `code`
    │   ├── CryptoUnavailable             no library for encryption is installed
    │   ├── EncryptionRequired            this client would have sent plaintext into an encrypted room
    │   ├── WrongStoreKey                 the store was written under another key; nothing was overwritten
    │   ├── DeviceKeysLost                the server knows our device by other keys than this store has
    │   ├── BadPickle                     what is stored is damaged
    │   ├── BadKey, BadSignature          a key or signature that is none, or is not to be trusted
    │   ├── DecryptionFailed              a message that cannot be read, and why
    │   │   ├── MissingRoomKey            nobody gave us its key, or they said why not
    │   │   ├── UnknownMessageIndex       our key begins after it
    │   │   ├── TooManySkipped            too many messages before it are missing
    │   │   ├── SenderDistrusted          the policy distrusts who wrote it, and it was to be left closed
    │   │   └── ReplayedMessage, MismatchedSender, MismatchedRoom
    │   ├── NoEligibleDevices             somebody has no device that could read it; nothing was sent
    │   ├── StillUndecided                the policy did not decide on devices; nothing was sent
    │   ├── TrustDecisionFailed           the policy raised, or answered no levels; nothing was sent
    │   ├── VerificationFailed            a verification ended without success
    │   ├── KeyFileError                  a file of room keys cannot be read, or the passphrase is wrong
    │   └── AttachmentError               a file does not have the hash that was sent with its key
    └── StoreError
        ├── StoreLocked                   another process (or store object) owns the file
        ├── StoreCorrupt                  the file is damaged or is not ours
        ├── StoreTooNew                   the file was written by a newer version
        ├── StoreFull                     no room on the disk
        └── StoreClosed                   used after close(), or after a fork

No message, repr or attribute shown by default holds a token, a password or a key.
"""

from .answers import (
    DecodeError,
    DiscoveryError,
    PagingError,
)
from .base import (
    MatrixError,
    UsageError,
)
from .encryption import (
    AttachmentError,
    BadKey,
    BadPickle,
    BadSignature,
    CryptoError,
    CryptoUnavailable,
    DecryptionFailed,
    DeviceKeysLost,
    EncryptionRequired,
    KeyFileError,
    MismatchedRoom,
    MismatchedSender,
    MissingRoomKey,
    NoEligibleDevices,
    ReplayedMessage,
    SenderDistrusted,
    StillUndecided,
    TooManySkipped,
    TrustDecisionFailed,
    UnknownMessageIndex,
    VerificationFailed,
    WrongStoreKey,
)
from .http import (
    Conflict,
    FileTooLarge,
    Forbidden,
    HTTPError,
    InvalidParam,
    LimitExceeded,
    MissingToken,
    NotFound,
    OAuthError,
    RespError,
    ServerError,
    TooLarge,
    UnknownPosition,
    UnknownToken,
    Unrecognized,
    UnsupportedByServer,
    UserDeactivated,
    UserInteractive,
    UserLocked,
)
from .sending import (
    OutboxFull,
    SendBlocked,
    SendError,
)
from .signing_in import (
    SessionError,
    SignInError,
)
from .stores import (
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
)
from .sync import (
    HandlerTimeout,
    ListenerFailed,
    SyncError,
    SyncTokenRejected,
)
from .tasks import (
    TaskError,
    TaskFailed,
    TaskTimeout,
)
from .transport import (
    AddressRefused,
    AnswerTooLarge,
    ConnectError,
    RedirectRefused,
    RequestCancelled,
    RequestTimeout,
    TLSError,
    TransportError,
    TruncatedAnswer,
)

__all__ = [
    "MatrixError",
    "UsageError",
    "TransportError",
    "ConnectError",
    "TLSError",
    "AddressRefused",
    "RequestTimeout",
    "TruncatedAnswer",
    "AnswerTooLarge",
    "RedirectRefused",
    "RequestCancelled",
    "RespError",
    "HTTPError",
    "UnknownToken",
    "MissingToken",
    "Forbidden",
    "NotFound",
    "Conflict",
    "TooLarge",
    "FileTooLarge",
    "Unrecognized",
    "UnsupportedByServer",
    "LimitExceeded",
    "UserInteractive",
    "UserLocked",
    "UserDeactivated",
    "InvalidParam",
    "UnknownPosition",
    "OAuthError",
    "ServerError",
    "DecodeError",
    "DiscoveryError",
    "SignInError",
    "SessionError",
    "PagingError",
    "SendError",
    "OutboxFull",
    "SendBlocked",
    "CryptoError",
    "CryptoUnavailable",
    "EncryptionRequired",
    "WrongStoreKey",
    "DeviceKeysLost",
    "BadPickle",
    "BadKey",
    "BadSignature",
    "DecryptionFailed",
    "MissingRoomKey",
    "TooManySkipped",
    "UnknownMessageIndex",
    "ReplayedMessage",
    "MismatchedSender",
    "MismatchedRoom",
    "SenderDistrusted",
    "NoEligibleDevices",
    "StillUndecided",
    "TrustDecisionFailed",
    "VerificationFailed",
    "KeyFileError",
    "AttachmentError",
    "SyncError",
    "SyncTokenRejected",
    "ListenerFailed",
    "HandlerTimeout",
    "TaskError",
    "TaskFailed",
    "TaskTimeout",
    "StoreError",
    "StoreLocked",
    "StoreCorrupt",
    "StoreTooNew",
    "StoreFull",
    "StoreClosed",
]
