"""How a call becomes an HTTP exchange.

Pure: `urls`, `messages`, `endpoint`, `answers`, `retry`, `redirects`, `exchange`. I/O: `transport`, the
only module that knows requests and urllib3.
"""
