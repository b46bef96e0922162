"""The application of one worker process: requests as they came, answered by Django in threads.

The server's own WSGI drops a whole header for one byte that is not ASCII, and lets
`X_Forwarded_For` stand for `X-Forwarded-For`. Its ASGI hands everything on as it came.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from django.db import close_old_connections

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = Callable[[dict[str, Any], Any], Any]
"""Django, as WSGI calls it."""

THREADS = 32
"""A thread waits while a body arrives: enough of them that a few slow senders stop nobody."""
PIECE = 256 * 1024
SENT_WITHIN = 30.0
"""Seconds for a client to take a piece: slow lines manage, and who needs longer does not read."""
_APART = {"cookie": "; "}
"""What stands between the values of a header that came in several lines; usually a comma."""


class Application:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()

        def ask() -> Message:
            message: Message = asyncio.run_coroutine_threadsafe(_called(receive), loop).result()
            return message

        def begin() -> tuple[_Response, list[Message]]:
            body = io.BufferedReader(_Body(ask))
            response = _Response(self._answer, environ_of(scope, body))
            return response, response.next_messages()

        response, messages = await loop.run_in_executor(self._threads, begin)
        if response.has_ended():
            for message in messages:
                await send(message)
            return
        gone = loop.create_task(_gone(receive))
        try:
            # A thread makes a piece; while the piece is on its way, it serves others.
            while await _are_sent(messages, send, gone) and not response.has_ended():
                messages = await loop.run_in_executor(self._threads, response.next_messages)
        finally:
            gone.cancel()
            if not response.has_ended():
                await loop.run_in_executor(self._threads, response.close)


async def _called(call: Callable[..., Awaitable[Any]], *given: Message) -> Any:
    return await call(*given)


async def _gone(receive: Receive) -> None:
    """Ends when the client is gone. Nobody reads the rest of a body any more."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _are_sent(messages: list[Message], send: Send, gone: asyncio.Task[None]) -> bool:
    """Whether the client is still there. Raises ConnectionAbortedError for one that reads nothing.

    The server then breaks off, and what has come does not pass for all of it.
    """
    for message in messages:
        sending = asyncio.ensure_future(_called(send, message))
        try:
            await asyncio.wait(
                (sending, gone), timeout=SENT_WITHIN, return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done():
                return False
            if not sending.done():
                raise ConnectionAbortedError(f"nothing was read for {SENT_WITHIN:.0f} seconds")
            sending.result()
        finally:
            sending.cancel()
    return True


class _Response:
    """An answer of Django, as messages: what is long in pieces, each made when it is asked for.

    Two pieces may be made by two threads.
    """

    def __init__(self, answer: Answer, environ: dict[str, Any]) -> None:
        self._start: list[Message] = []
        self._response = answer(environ, self._begin)
        self._parts = iter(self._response)
        self._has_ended = False

    def _begin(self, status: str, headers: Iterable[tuple[str, str]], *_: object) -> None:
        raw = [(name.lower().encode("latin-1"), of.encode("latin-1")) for name, of in headers]
        start = {"type": "http.response.start", "status": int(status[:3]), "headers": raw}
        self._start.append(start)

    def has_ended(self) -> bool:
        """Nothing more comes, and Django knows."""
        return self._has_ended

    def next_messages(self) -> list[Message]:
        """The next piece, with the start before the first."""
        piece, is_last = bytearray(), True
        try:
            for part in self._parts:
                piece += part
                if len(piece) >= PIECE:
                    is_last = False
                    break
        except BaseException:
            self.close()
            raise
        if is_last:
            self.close()
        else:
            # The connection is this thread's, and a client may take its time to read.
            close_old_connections()
        body = {"type": "http.response.body", "body": bytes(piece)}
        messages = [*self._start, body if is_last else {**body, "more_body": True}]
        self._start.clear()
        return messages

    def close(self) -> None:
        self._has_ended = True
        self._response.close()


class _Body(io.RawIOBase):
    """What a client sends, as a file: read when it is asked for."""

    def __init__(self, receive: Callable[[], Message]) -> None:
        self._receive = receive
        self._rest = b""
        self._has_more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._has_more and not self._rest:
            message = self._receive()
            if message["type"] == "http.disconnect":
                # Half of a form is not to pass for all of it.
                raise ConnectionAbortedError
            self._rest = message.get("body", b"")
            self._has_more = message.get("more_body", False)
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def environ_of(scope: Message, body: io.BufferedIOBase) -> dict[str, Any]:
    """The request as WSGI has it, with text that stands for bytes."""
    server, client = scope.get("server") or ("", ""), scope.get("client") or ("", "")
    return {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": str(client[0]),
        "wsgi.version": (1, 0),
        # TLS ends at a proxy, and it is the proxy that says so.
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_headers(scope["headers"]),
    }


def _headers(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # WSGI writes - as _: one name would pass for the other, which a proxy lets through.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        found[key] = found[key] + _APART.get(name, ",") + value if key in found else value
    return found
