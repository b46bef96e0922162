"""A mail server on loopback that keeps what it is sent."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


@dataclass
class SmtpServer:
    port: int = 0
    received: list[tuple[list[str], EmailMessage]] = field(default_factory=list)


@contextmanager
def smtp_server() -> Iterator[SmtpServer]:
    kept = SmtpServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.answer("220 ready")
            people: list[str] = []
            while line := self.rfile.readline():
                command = line.decode().strip()
                verb = command.partition(" ")[0].upper()
                if verb == "RCPT":
                    people.append(command.partition("<")[2].partition(">")[0])
                if verb == "DATA":
                    self.answer("354 go on")
                    kept.received.append((people, self.message()))
                    people = []
                self.answer("221 bye" if verb == "QUIT" else "250 ok")
                if verb == "QUIT":
                    return

        def answer(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def message(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            parsed = message_from_bytes(b"".join(lines), policy=policy.default)
            return cast(EmailMessage, parsed)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()
