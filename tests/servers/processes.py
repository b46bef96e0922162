"""Starts a server as a process group of its own, waits until it answers, stops it whole."""

import atexit
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
PAUSE = 0.02
PATIENCE = 180.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(RuntimeError):
    """A server or a tool did not do what a test needs; says what it wrote last."""


@dataclass(frozen=True)
class Server:
    """A running process group, its log, and the signal it takes as a polite request to stop."""

    process: subprocess.Popen[bytes]
    log: Path
    polite: signal.Signals


def free_port() -> int:
    """Name a TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def run(
    command: Sequence[str],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> bytes:
    """Run a tool to its end, as another account if one is named; return what it printed."""
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=False,
        cwd="/",
        env={**os.environ, **(env or {})},
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-3000:]
        raise ServerError(f"{command!r} ended with status {done.returncode}:\n{said}")
    return done.stdout


def start(
    command: Sequence[str],
    *,
    log: Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    polite: signal.Signals = signal.SIGTERM,
) -> Server:
    """Start a command in the background; it stops with this process at the latest."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, **(env or {})},
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
        )
    server = Server(process, log, polite)
    atexit.register(stop, server)
    return server


def wait_for_port(server: Server, port: int, *, seconds: float = PATIENCE) -> None:
    """Return once something accepts connections on a loopback port."""
    wait_until(server, lambda: _accepts(port), seconds=seconds)


def wait_for_url(server: Server, url: str, *, seconds: float = PATIENCE) -> None:
    """Return once a URL answers with a success."""
    wait_until(server, lambda: _answers(url, seconds), seconds=seconds)


def wait_until(server: Server, ready: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    """Return once `ready` says so; stop the server and raise if it dies or is too slow."""
    deadline = time.monotonic() + seconds
    while not ready():
        if _has_ended(server) or time.monotonic() > deadline:
            stop(server)
            raise failure(server, f"no answer (status {server.process.returncode})")
        time.sleep(PAUSE)


def stop(server: Server, *, seconds: float = 10) -> None:
    """Stop the whole group: politely, then by force. Stopping twice does nothing."""
    if server.process.returncode is not None:
        return
    # Its leader is reaped last: until then the number means this group and no other.
    group = server.process.pid
    for order in (server.polite, signal.SIGKILL):
        os.killpg(group, order)
        deadline = time.monotonic() + seconds
        while _lives(group) and time.monotonic() < deadline:
            time.sleep(PAUSE)
    server.process.wait()


def failure(server: Server, what: str) -> ServerError:
    """What went wrong, with the end of the server's log."""
    tail = server.log.read_text(errors="replace")[-3000:]
    return ServerError(f"{what} from {server.process.args!r}, whose log ends:\n{tail}")


def _has_ended(server: Server) -> bool:
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, server.process.pid, flags) is not None


def _lives(group: int) -> bool:
    """Whether a process of the group still runs: the dead may be left unreaped for long."""
    return any(state not in "ZX" for state in _states(group))


def _states(group: int) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            after_name = (process / "stat").read_text(errors="replace").rpartition(")")[2]
            state, _, its_group = after_name.split()[:3]
            if its_group == str(group):
                yield state


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _answers(url: str, seconds: float) -> bool:
    try:
        with _direct.open(url, timeout=seconds) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
