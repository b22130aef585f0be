"""JSON that is no JSON, or that breaks whoever reads it carelessly, as bytes."""

from __future__ import annotations

__all__ = ["BROKEN_DOCUMENTS", "NOT_JSON", "POISON", "SOUND_BUT_STRANGE", "nested"]


def nested(depth: int, inner: bytes = b"0", opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return a value this many lists (or whatever opens and closes) deep."""
    return opening * depth + inner + closing * depth


NOT_JSON: dict[str, bytes] = {
    "NaN": b"NaN",
    "infinity": b"Infinity",
    "minus infinity": b"-Infinity",
}
"""Values that Python writes and JSON does not have."""

SOUND_BUT_STRANGE: dict[str, bytes] = {
    "2**63": b"9223372036854775808",
    "below -2**63": b"-9223372036854775809",
    "2**64": b"18446744073709551616",
    "a 400-digit integer": b"9" * 400,
    "duplicate keys": b'{"a":1,"a":2}',
    "an empty key": b'{"":0}',
    "a key of the object model": b'{"__class__":{"__init__":1},"__proto__":2,"{0.__init__}":3,"%s":4}',
    "an escaped NUL": b'"\\u0000"',
    "an escaped pair": b'"\\ud83e\\udd8a"',
    "minus zero": b"-0.0",
    "nested 150 deep": nested(150),
}
"""Values that are JSON, and must come through."""

POISON: dict[str, bytes] = {
    **NOT_JSON,
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "a 5,000-digit integer": b"9" * 5000,
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"x\\udfffy"',
    "surrogates the wrong way round": b'"\\udd8a\\ud83e"',
    "a lone surrogate in a key": b'{"\\ud800":1}',
    "bytes that are not UTF-8": b'"\xff\xfe"',
    "a surrogate as UTF-8": b'"\xed\xa0\x80"',
    "an overlong slash": b'"\xc0\xaf"',
    "UTF-8 cut short": b'"\xe6\x97"',
    "a key that is not UTF-8": b'{"\xff":1}',
    "a NUL": b'"\x00"',
    "a line feed": b'"a\nb"',
    "lists nested 300 deep": nested(300),
    "lists nested 900 deep": nested(900),
    "objects nested 900 deep": nested(900, opening=b'{"a":', closing=b"}"),
    "lists nested 100,000 deep": nested(100_000),
    "objects nested 100,000 deep": nested(100_000, opening=b'{"a":', closing=b"}"),
    "NaN nested 900 deep": nested(900, b"NaN"),
    "1e400 nested 900 deep": nested(900, b"1e400"),
}
"""Values that the strict road refuses, or that hurt somebody further on."""

BROKEN_DOCUMENTS: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n\t ",
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "a NUL byte": b"\x00",
    "an object cut short": b'{"a":',
    "a string cut short": b'{"a":"bc',
    "an escape cut short": b'{"a":"\\u00',
    "a list cut short": b"[1,2",
    "a word cut short": b"tru",
    "a trailing comma": b"[1,]",
    "two documents": b"{}{}",
    "something behind it": b"{} x",
    "single quotes": b"{'a':1}",
    "a comment": b"{/* */}",
    "no quotes": b"{a:1}",
    "a leading zero": b"[01]",
    "a bare minus": b"[-]",
    "brackets that cross": b"[{]}",
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "lists that never end": b"[" * 100_000,
    "objects that never end": b'{"a":' * 100_000,
    "only closing brackets": b"]" * 100_000,
    "a deep list with a closing bracket missing": b"[" * 100_000 + b"]" * 99_999,
    "a deep list with a closing bracket too many": b"[" * 100_000 + b"]" * 100_001,
    "a deep list with a string that never ends": b"[" * 100_000 + b'"' + b'\\"' * 500_000,
}
"""Documents of which nothing can be saved."""
