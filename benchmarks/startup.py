"""A cold start: `passerelle inspect` on one response, beside only importing what it stands on."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.payloads import Keys, Payload
from benchmarks.rounds import Series, durations, in_turns
from tests.saml.response_builder import ACS, IDP, REQUEST, SP

ROUNDS = 30
BIN = Path(sys.executable).parent
IMPORTED = """
import sys, passerelle.saml
print(*(name for name in sys.modules if name.partition(".")[0] == "cryptography"), sep=",")
"""


def startup(payload: Payload, keys: Keys) -> dict[str, Series]:
    response = keys.folder / "response.xml"
    response.write_bytes(base64.b64decode(payload.field))
    python, certificate = str(BIN / "python"), str(keys.folder / "idp.pem")
    inspect = [str(BIN / "passerelle"), "inspect", str(response), "--request-id", REQUEST]
    inspect += ["--idp-entity-id", IDP, "--idp-certificate", certificate]
    inspect += ["--sp-entity-id", SP, "--acs-url", ACS]
    assert _output(inspect).startswith("accepted")
    modules = _output([python, "-c", IMPORTED]).strip()
    imports = [python, "-c", f"import lxml.etree, {modules}"]
    return in_turns(
        ROUNDS, {"passerelle inspect": _turn(inspect), "only the imports": _turn(imports)}
    )


def _output(command: list[str]) -> str:
    # As installed: an environment that forbids bytecode would have every module compiled each time.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def _turn(command: list[str]) -> Callable[[], list[float]]:
    def turn() -> list[float]:
        began = time.perf_counter()
        _output(command)
        return [time.perf_counter() - began]

    turn()
    return turn


def rows(series: dict[str, Series]) -> list[dict[str, str]]:
    least = series["only the imports"]
    return [
        {"": name, **durations(one), "× the imports": f"{one.over(least):.2f}"}
        for name, one in series.items()
    ]
