"""A name server on loopback that answers TXT questions as a test wants."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset


@dataclass
class NameServer:
    """Each name with its texts; an unknown one does not exist."""

    port: int = 0
    texts: dict[str, list[str]] = field(default_factory=dict)

    def resolver(self) -> dns.resolver.Resolver:
        """One that asks here and nowhere else."""
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = ["127.0.0.1"], self.port
        return found

    def answer(self, asked: bytes) -> bytes:
        question = dns.message.from_wire(asked)
        response = dns.message.make_response(question)
        response.flags |= dns.flags.AA
        name = question.question[0].name
        texts = self.texts.get(name.to_text().rstrip("."))
        if texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            quoted = [f'"{one}"' for one in texts]
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        return response.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.1)
        server.port = listening.getsockname()[1]
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    asked, who = listening.recvfrom(4096)
                except TimeoutError:
                    continue
                listening.sendto(server.answer(asked), who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        over.set()
        thread.join()
