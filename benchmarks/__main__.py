"""``python -m benchmarks``: measure, and print the table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

from . import encryption, http_calls, media_streams, outbox, startup, sync_large, sync_small
from .encryption_table import compared
from .report import Section, as_rst, as_text
from .scale import FULL, QUICK

PARTS = {
    "large": sync_large,
    "small": sync_small,
    "http": http_calls,
    "outbox": outbox,
    "startup": startup,
    "media": media_streams,
    "encryption": encryption,
}
_VERSIONS = (
    "gomatrix_py",
    "orjson",
    "msgspec",
    "requests",
    "urllib3",
    "vodozemac",
    "matrix-nio",
    "mautrix",
    "matrix-client",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="a small version, under a minute")
    parser.add_argument("--rst", type=Path, metavar="FILE", help="write the table as reStructuredText, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return arguments


def _setting() -> str:
    installed = []
    for name in _VERSIONS:
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            installed.append(f"{name} (not installed)")
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores;"
        f" {', '.join(installed)}. CPU time, the best of several runs, each in a fresh process."
    )


def _main() -> int:
    arguments = _arguments()
    scale = QUICK if arguments.quick else FULL
    setting = _setting() + (" Quick version: figures are rough." if arguments.quick else "")
    print(setting, "\n", sep="", flush=True)
    started = time.monotonic()
    sections: list[Section] = []
    for name in arguments.parts or PARTS:
        of_part = PARTS[name].sections(scale)
        sections += of_part
        for section in of_part:
            print(as_text(section), flush=True)
        if name == "encryption":
            print("For docs/encryption.rst:\n", compared(of_part), sep="\n", flush=True)
    if arguments.rst:
        arguments.rst.write_text(as_rst(sections, setting), encoding="utf-8")
    missed = [
        f"{section.title}: {row.name}" for section in sections for row in section.rows if row.is_reached is False
    ]
    print(f"{len(missed)} targets missed" + "".join(f"\n  {one}" for one in missed))
    print(f"measured in {time.monotonic() - started:.0f} s")
    return 0 if all("failed" not in row.figure for section in sections for row in section.rows) else 1


if __name__ == "__main__":
    sys.exit(_main())
