"""What can happen to a request on its way."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .proxy import Action, Passage, ProxiedAnswer

__all__ = ["answer", "change", "cut", "delay", "duplicate", "reorder", "reset_after", "reset_before", "stall"]


def reset_before() -> Action:
    """Break the connection; the server never hears of the request."""
    return Passage.reset


def reset_after() -> Action:
    """Let the server act on the request, then break the connection instead of answering."""

    def act(passage: Passage) -> None:
        passage.forward()
        passage.reset()

    return act


def cut(at: int | float, *, breaks: bool = False) -> Action:
    """Let the server act, and give the client only the beginning of the answer.

    Args:
        at: after so many bytes, or, as a number from 0.0 to 1.0, after this part of them.
        breaks: True to break the connection there instead of closing it.
    """

    def act(passage: Passage) -> None:
        whole = passage.forward().as_bytes()
        passage.send(whole[: int(at * len(whole)) if isinstance(at, float) else at])
        (passage.reset if breaks else passage.close)()

    return act


def delay(seconds: float, *, before: bool = False) -> Action:
    """Keep the answer back for a while; with `before`, the request."""

    def act(passage: Passage) -> None:
        if before:
            passage.wait(seconds)
        answered = passage.forward()
        if not before:
            passage.wait(seconds)
        passage.reply(answered)

    return act


def stall(*, forwards: bool = True) -> Action:
    """Answer nothing until the client hangs up.

    Args:
        forwards: False where the server never hears of the request.
    """

    def act(passage: Passage) -> None:
        if forwards:
            passage.forward()
        passage.hold()
        passage.close()

    return act


def duplicate() -> Action:
    """Let the server have the request twice, and the client the second answer."""

    def act(passage: Passage) -> None:
        passage.forward()
        passage.reply(passage.forward())

    return act


def reorder() -> Action:
    """Keep one answer back until the next one was given; for two requests that are made at the same time.

    Each call makes an action for one such pair: ``Rule(reorder(), path="/keys/query", nth=(1, 2))``.
    """
    numbers, is_overtaken = itertools.count(1), threading.Event()

    def act(passage: Passage) -> None:
        number = next(numbers)
        answered = passage.forward()
        if number == 1:
            passage.hold(is_overtaken)
        passage.reply(answered)
        if number > 1:
            is_overtaken.set()

    return act


def answer(
    status: int, body: Any = b"", headers: Mapping[str, str] | None = None, *, forwards: bool = False
) -> Action:
    """Answer in the server's place.

    Args:
        status: the HTTP status.
        body: bytes, or what becomes JSON.
        headers: besides the content type.
        forwards: True where the server acts on the request nevertheless.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "text/html" if isinstance(body, bytes) else "application/json", **(headers or {})}
    ready = ProxiedAnswer(status, tuple(fields.items()), data)

    def act(passage: Passage) -> None:
        if forwards:
            passage.forward()
        passage.reply(ready)

    return act


def change(rewrite: Callable[[ProxiedAnswer], ProxiedAnswer]) -> Action:
    """Give the client what a function makes of the server's answer."""

    def act(passage: Passage) -> None:
        passage.reply(rewrite(passage.forward()))

    return act
