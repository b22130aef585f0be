"""The transport over requests: the only place that imports requests and urllib3.

Kept from requests: adapters, pooling, TLS, proxies, whatever a session has mounted. Done here instead,
because requests does it in a way that loses tokens or bytes: redirects, ``.netrc`` and environment
look-ups, total deadlines, size caps, decompression and the check that an answer is whole.
"""

from .over_requests import RequestsTransport, Session

__all__ = ["RequestsTransport", "Session"]
