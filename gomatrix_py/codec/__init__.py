"""The only place where JSON becomes objects and back.

`json_bytes` turns bytes into plain values and back, `model` declares what documents look like, and
`convert` goes between plain values and models.
"""

from .convert import register_type, structure, unstructure
from .json_bytes import (
    DECODE_FAILURES,
    BadJSON,
    RawJSON,
    Shape,
    as_bytes,
    decode_shape,
    dumps,
    dumps_own,
    dumps_read,
    fast_decoder,
    loads,
    loads_tolerant,
    shape_decoder,
)
from .model import Document, DocumentList, DocumentMap, Model, Problem, build, field, fields_of, secret, wire_name
from .repair import repair

__all__ = [
    "DECODE_FAILURES",
    "BadJSON",
    "Document",
    "DocumentList",
    "DocumentMap",
    "Model",
    "Problem",
    "RawJSON",
    "Shape",
    "as_bytes",
    "build",
    "decode_shape",
    "dumps",
    "dumps_own",
    "dumps_read",
    "fast_decoder",
    "field",
    "fields_of",
    "loads",
    "loads_tolerant",
    "register_type",
    "repair",
    "secret",
    "shape_decoder",
    "structure",
    "unstructure",
    "wire_name",
]
