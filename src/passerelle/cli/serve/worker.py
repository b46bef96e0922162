"""One worker process of `passerelle serve`: listens beside the others, answers, and keeps house."""

import asyncio
import resource
import signal
from collections.abc import Callable
from typing import Any

from passerelle.cli.serve.supervisor import BEAT_EVERY, Beat


def work(address: str, port: int, beat: Beat) -> None:
    """Serve until asked to stop, or until nobody keeps this process any more."""
    from django.core.wsgi import get_wsgi_application

    from passerelle.config.asgi import Application
    from passerelle.jobs import housekeeping

    application = Application(get_wsgi_application())
    housekeeping.start()
    asyncio.run(_serve(application, address, port, beat))


CONNECTIONS = 4096
"""That one process takes at once. Of more, the next waits until some were idle for ten seconds.

Each costs three kilobytes while it says nothing, and 64 KB at most while its headers arrive.
"""
OTHER_FILES = 256
"""For the database, the log and what is fetched."""


def _connections_at_once() -> int:
    """As many as there may be open files; granian raises that to what the system allows."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(min(CONNECTIONS, allowed - OTHER_FILES), OTHER_FILES)


async def _serve(application: Any, address: str, port: int, beat: Beat) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server.embed import Server

    server = Server(
        application,
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        # Nothing ends an idle connection of HTTP/2; a proxy speaks HTTP/1.1 to us.
        http=HTTPModes.http1,
        websockets=False,
        # Waiting in line beats being turned away: fifty people at once are no overload.
        backlog=1024,
        backpressure=_connections_at_once(),
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=64 * 1024),
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, server.stop)
    beating = loop.create_task(_beat(beat, server.stop))
    await server.serve()
    beating.cancel()


async def _beat(beat: Beat, stop: Callable[[], None]) -> None:
    """Say again and again that requests are taken; with nobody to hear it, end."""
    while True:
        try:
            beat()
        except BrokenPipeError:
            stop()
            return
        await asyncio.sleep(BEAT_EVERY)
