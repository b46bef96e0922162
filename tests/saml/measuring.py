"""Judge one message in a process of its own, and tell what that took."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from passerelle import saml

from .response_builder import expected


class Taken(NamedTuple):
    seconds: float
    megabytes: float
    reason: str | None


def judged_apart(message: bytes, folder: Path) -> Taken:
    """CPU seconds, and the megabytes by which the process grew at its highest."""
    file, trusted = folder / "message.xml", folder / "trusted.pem"
    file.write_bytes(message)
    trusted.write_text("".join(one.pem for one in expected().certificates))
    command = [sys.executable, "-m", "tests.saml.measuring", str(file), str(trusted)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Taken(**json.loads(done.stdout))


def _highest() -> float:
    """Of this process alone: `getrusage` tells what its parent had taken when it began."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024


def _measure(message: bytes, trusted: str) -> Taken:
    wanted = replace(expected(), certificates=saml.load_certificates(trusted))
    saml.judge(b"<x/>", wanted)
    memory, before = _highest(), time.process_time()
    judgement = saml.judge(message, wanted)
    return Taken(time.process_time() - before, _highest() - memory, judgement.reason)


if __name__ == "__main__":
    content, pem = (Path(name) for name in sys.argv[1:])
    taken = _measure(content.read_bytes(), pem.read_text())
    sys.stdout.write(json.dumps(taken._asdict()))
