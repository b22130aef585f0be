"""Serve what a bot does in Prometheus' text format, while it syncs.

MATRIX_URL=... MATRIX_USER=... MATRIX_TOKEN=... python prometheus_metrics.py 9100
curl http://127.0.0.1:9100/metrics
"""

import os
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gomatrix_py import Client
from gomatrix_py.client.metrics import Counters

GAUGES = {"in_flight"}


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series; the values of labels are quoted as the format asks."""
    pairs = [
        f'{key}="' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
        for key, value in labels.items()
    ]
    return name + (f"{{{','.join(pairs)}}}" if pairs else "")


def exposition(counters: Counters) -> str:
    """Return all measurements as text: a count and a sum of each, or the last value of a gauge."""
    lines: dict[str, list[str]] = {}
    for (what, pairs), total in counters.totals().items():
        name, labels = f"gomatrix_py_{what}", dict(pairs)
        if what in GAUGES:
            lines.setdefault(f"# TYPE {name} gauge", []).append(f"{labelled(name, labels)} {total.last}")
            continue
        of_series = lines.setdefault(f"# TYPE {name} summary", [])
        of_series.append(f"{labelled(name + '_sum', labels)} {total.total}")
        of_series.append(f"{labelled(name + '_count', labels)} {total.count}")
    return "".join("\n".join([header, *series]) + "\n" for header, series in lines.items())


def serve(counters: Counters, port: int) -> ThreadingHTTPServer:
    """Answer every GET with the measurements, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(counters).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Sync for ever, and count."""
    client = Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"])
    counters = Counters()
    client.on_metric(counters)
    server = serve(counters, int(sys.argv[1]))
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    client.sync()


if __name__ == "__main__":
    main()
