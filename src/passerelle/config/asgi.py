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

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = Callable[[dict[str, Any], Any], Any]
"""Django, as WSGI calls it."""

THREADS = 32
"""A thread waits while a body arrives: enough of them that a few slow senders stop nobody."""
PIECE = 256 * 1024
_APART = {"cookie": "; "}
"""What stands between the values of a header that came in several lines; usually a comma."""


class Application:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()

        def ask(call: Callable[..., Awaitable[Any]], *given: Message) -> Any:
            return asyncio.run_coroutine_threadsafe(_called(call, *given), loop).result()

        def in_a_thread() -> list[Message]:
            body = io.BufferedReader(_Body(lambda: ask(receive)))
            return _respond(self._answer, environ_of(scope, body), lambda one: ask(send, one))

        for message in await loop.run_in_executor(self._threads, in_a_thread):
            await send(message)


async def _called(call: Callable[..., Awaitable[Any]], *given: Message) -> Any:
    return await call(*given)


def _respond(
    answer: Answer, environ: dict[str, Any], send: Callable[[Message], None]
) -> list[Message]:
    """Have it answered; send what is long in pieces, and return what is left to be sent."""
    start: list[Message] = []

    def begin(status: str, headers: Iterable[tuple[str, str]], *_: object) -> None:
        raw = [(name.lower().encode("latin-1"), of.encode("latin-1")) for name, of in headers]
        start.append({"type": "http.response.start", "status": int(status[:3]), "headers": raw})

    response = answer(environ, begin)
    try:
        rest = bytearray()
        for part in response:
            rest += part
            if len(rest) >= PIECE:
                piece = {"type": "http.response.body", "body": bytes(rest), "more_body": True}
                for message in (*start, piece):
                    send(message)
                start.clear()
                rest.clear()
        return [*start, {"type": "http.response.body", "body": bytes(rest)}]
    finally:
        response.close()


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
