"""One repetition of one contender: ``python -m benchmarks.child MODULE:FUNCTION SETTINGS``."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from .measure import Meter


def _main(function: str, settings: dict[str, Any]) -> dict[str, Any]:
    module, name = function.split(":")
    meter = Meter()
    try:
        facts = getattr(importlib.import_module(module), name)(meter, **settings)
    except ModuleNotFoundError as error:
        return {"problem": f"not installed: {error.name}"}
    return {"cpu_s": meter.cpu_s, "wall_s": meter.wall_s, "growth": meter.growth(), "facts": facts}


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], json.loads(sys.argv[2]))))
