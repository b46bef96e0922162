"""Fuzzing without an end of its own, guided by coverage where atheris is installed.

    python -m tests.fuzz.run                 for ten minutes; SECONDS in the environment changes it
    python -m tests.fuzz.run FILE...         what the oracles say of these inputs

What reaches new code stays in `corpus` and is mutated further in the next run. The first input for
which an oracle does not hold ends the run, and is kept in `findings`.
"""

import importlib.util
import os
import random
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from . import findings

GUIDED = importlib.util.find_spec("atheris") is not None
if GUIDED:
    import atheris

SECONDS = int(os.environ.get("SECONDS", "600"))
SECONDS_WITHOUT_AN_ANSWER = 60
MEMORY_IN_MEBIBYTES = 4096

# Counters can only be put into code while it is imported.
_watched = atheris.instrument_imports(["passerelle.saml"]) if GUIDED else nullcontext()
with _watched:
    from passerelle import saml

from . import mutations, oracles, seeds  # noqa: E402


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]]
    if files:
        return max(replayed(path) for path in files)
    return fuzz_by_coverage() if GUIDED else fuzz_blindly()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def replayed(path: Path) -> int:
    """Say what is made of one input: 1 if an oracle does not hold for it."""
    content = path.read_bytes()
    judgement = saml.judge(content, seeds.expectation())
    say(f"{path}: {judgement.reason or 'accepted'}")
    try:
        oracles.examine(content)
    except oracles.OracleError as error:
        say(f"  {error}")
        return 1
    say("  every oracle holds")
    return 0


def examined(content: bytes) -> None:
    """Examine one input, and keep it if an oracle does not hold."""
    try:
        oracles.examine(content)
    except oracles.OracleError:
        say(findings.how_to_replay(findings.kept(content)))
        raise


def moved(content: bytes, max_size: int, seed: int) -> bytes:
    """The next input: of messages by the moves that know them, of others byte by byte.

    Now and then it begins with a good message again: what is kept for its coverage tends to be
    short, and refused early.
    """
    chance = random.Random(seed)
    if chance.random() < 0.3:
        content = chance.choice(seeds.messages())
    if b"<" not in content[:4] or chance.random() < 0.05:
        content = mutations.changed_bytes(content, chance)
    else:
        content = mutations.mutated(content, chance, seeds.messages())
    return content[:max_size]


def fuzz_by_coverage() -> int:
    for folder in (findings.CORPUS, findings.FOLDER):
        folder.mkdir(exist_ok=True)
    for number, content in enumerate(seeds.everything()):
        (findings.CORPUS / f"seed-{number:03}").write_bytes(content)
    options: Sequence[str] = (
        f"-max_total_time={SECONDS}",
        f"-max_len={mutations.MAX_BYTES}",
        "-len_control=0",
        f"-timeout={SECONDS_WITHOUT_AN_ANSWER}",
        f"-rss_limit_mb={MEMORY_IN_MEBIBYTES}",
        f"-artifact_prefix={findings.FOLDER}/",
        "-print_final_stats=1",
        str(findings.CORPUS),
    )
    atheris.Setup([sys.argv[0], *options], examined, custom_mutator=moved)
    atheris.Fuzz()
    return 0


def fuzz_blindly() -> int:
    say("atheris is not installed: the moves alone, without coverage to guide them")
    number, end = 0, time.monotonic() + SECONDS
    chance = random.Random(time.time_ns())
    inputs = seeds.everything()
    while time.monotonic() < end:
        examined(moved(chance.choice(inputs), mutations.MAX_BYTES, chance.getrandbits(64)))
        number += 1
    say(f"{number} inputs, {number / SECONDS:.0f} a second; every oracle holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
