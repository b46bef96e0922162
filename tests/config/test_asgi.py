"""Requests and answers on their way between the server and Django."""

import asyncio

import pytest

from passerelle.config import asgi
from passerelle.config.asgi import PIECE, Application

SCOPE = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/caf%C3%A9/%ff",
    "query_string": b"a=%20b",
    "http_version": "1.1",
    "server": ("127.0.0.1", "8000"),
    "client": ("203.0.113.9", "40000"),
    "headers": [],
}


class Response(list):
    """What Django gives back, as far as the server asks."""

    is_closed = False

    def close(self):
        self.is_closed = True


def run(answer, *, headers=(), body=(b"",), sent=None):
    """Have a request answered; return all that was sent."""
    coming, sent = list(body), [] if sent is None else sent

    async def receive():
        if not coming:
            # All is here: nothing more comes, and the client stays.
            await asyncio.Event().wait()
        piece = coming.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(coming)}

    async def send(message):
        sent.append(message)

    asyncio.run(Application(answer)({**SCOPE, "headers": list(headers)}, receive, send))
    return sent


def echo(seen, response):
    def answer(environ, begin):
        seen.update(environ)
        seen["body"] = environ["wsgi.input"].read()
        begin("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return response

    return answer


def test_a_request_arrives_as_it_was_sent():
    seen, response = {}, Response([b"done"])
    headers = [
        (b"cookie", b"a=1"),
        (b"cookie", b"b=\xe9"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"6"),
        (b"x-forwarded-for", b"198.51.100.7"),
        (b"x_forwarded_for", b"127.0.0.1"),
        (b"x-forwarded-for", b"203.0.113.5"),
    ]
    sent = run(echo(seen, response), headers=headers, body=[b"abc", b"", b"def"])
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/caf\xc3\xa9/\xff", "a=%20b")
    assert seen["HTTP_COOKIE"] == "a=1; b=\xe9"
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"]) == ("text/plain", "6")
    assert seen["HTTP_X_FORWARDED_FOR"] == "198.51.100.7,203.0.113.5"
    assert seen["REMOTE_ADDR"] == "203.0.113.9"
    assert seen["body"] == b"abcdef"
    start, body = sent
    assert start["headers"] == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert body["body"] == b"done"
    assert response.is_closed


def test_half_a_form_does_not_pass_for_all_of_it():
    with pytest.raises(ConnectionAbortedError):
        run(echo({}, Response([b""])), body=[b"abc", None])


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_long_answer_is_sent_in_pieces_and_whole(size):
    sent = run(echo({}, Response([b"x" * 1000] * (size // 1000) + [b"y" * (size % 1000)])))
    assert [one["type"] for one in sent].count("http.response.start") == 1
    assert sent[0]["type"] == "http.response.start"
    assert sum(len(one.get("body", b"")) for one in sent) == size
    assert [one.get("more_body", False) for one in sent[1:]] == [True] * (len(sent) - 2) + [False]
    assert (len(sent) > 2) == (size >= PIECE)


def test_an_answer_that_breaks_off_is_closed_and_never_looks_whole():
    class Broken(Response):
        def __iter__(self):
            yield b"x" * PIECE
            raise RuntimeError

    response, sent = Broken(), []
    with pytest.raises(RuntimeError):
        run(echo({}, response), sent=sent)
    assert [one.get("more_body") for one in sent] == [None, True]
    assert response.is_closed


class Endless(Response):
    """An answer without end; counts its pieces."""

    made = 0

    def __iter__(self):
        while True:
            self.made += 1
            yield b"x" * PIECE


def get(application, *, send, is_gone=None):
    """One request without a body; the client is gone when `is_gone` is set."""
    pieces = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if pieces:
            return pieces.pop()
        await (is_gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return application({**SCOPE, "method": "GET"}, receive, send)


async def never(_message):
    await asyncio.Event().wait()


def test_an_answer_that_nobody_reads_is_given_up(monkeypatch):
    monkeypatch.setattr(asgi, "SENT_WITHIN", 0.01)
    response = Endless()
    with pytest.raises(ConnectionAbortedError):
        asyncio.run(get(Application(echo({}, response)), send=never))
    assert response.is_closed
    assert response.made == 1


def test_for_a_client_that_is_gone_nothing_more_is_made():
    response, sent = Endless(), []

    async def both():
        is_gone = asyncio.Event()

        async def send(message):
            # The server takes in what it has nobody to send to.
            sent.append(message)
            if len(sent) == 3:
                is_gone.set()
            await asyncio.sleep(0)

        await get(Application(echo({}, response)), send=send, is_gone=is_gone)

    asyncio.run(both())
    assert response.is_closed
    assert response.made < 10


def test_answers_that_nobody_reads_hold_no_thread():
    """More of them than there are threads, and the next request is answered all the same."""

    def answer(environ, begin):
        begin("200 OK", [])
        return Response([b"short"]) if environ["REQUEST_METHOD"] == "POST" else Endless()

    async def all_of_them():
        application, sent = Application(answer), []
        waiting = asyncio.Semaphore(0)

        async def send(_message):
            waiting.release()
            await asyncio.Event().wait()

        unread = [asyncio.create_task(get(application, send=send)) for _ in range(asgi.THREADS + 1)]
        for _ in unread:
            await waiting.acquire()

        async def take(message):
            sent.append(message)

        await application(SCOPE, never, take)
        for one in unread:
            one.cancel()
        await asyncio.gather(*unread, return_exceptions=True)
        return sent

    assert asyncio.run(asyncio.wait_for(all_of_them(), 60))[-1]["body"] == b"short"


def test_while_a_piece_waits_the_database_is_let_go(monkeypatch):
    let_go, seen = [], []
    monkeypatch.setattr(asgi, "close_old_connections", lambda: let_go.append(True))
    response = Response([b"x" * PIECE, b"y"])

    async def send(message):
        seen.append((message["type"], bool(let_go)))

    asyncio.run(get(Application(echo({}, response)), send=send))
    assert seen[:2] == [("http.response.start", True), ("http.response.body", True)]
