"""How a call becomes an HTTP exchange.

Pure: `urls`, `messages`, `endpoint`, `answers`, `retry`, `redirects`, `exchange`; `framing`, `incoming` and
`streams` are what a transport reads and writes bodies with. I/O: `transport`, the only place that knows
requests and urllib3, and `watch`, which ends what it waits for.
"""
