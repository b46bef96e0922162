"""`make bench`: verification beside the peers, cold start, and whole sign-ins, in one run.

Times on a shared machine drift: the contestants take turns, round by round, and the ratios within
a round are what counts. Writes RESULTS.md.
"""

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

import tests.environment  # noqa: E402, F401

django.setup()

from benchmarks import peers, startup, throughput  # noqa: E402
from benchmarks.floor import floor  # noqa: E402
from benchmarks.hashing import hashing_rows  # noqa: E402
from benchmarks.payloads import Keys, make_payloads  # noqa: E402
from benchmarks.rounds import Series  # noqa: E402
from benchmarks.sign_in import sign_in_rows  # noqa: E402
from benchmarks.sign_in_page import sign_in_page_rows  # noqa: E402
from benchmarks.verify import Race, race  # noqa: E402
from tests.servers.postgresql import PostgreSQL  # noqa: E402

HEAD = """# Benchmarks

Made by `make bench` on {date}; {machine}, {cores} cores, load {load:.1f} at the start.
Absolute times depend on the machine; ratios less so, but the work of others slows long calls more
than short ones.

Beside {versions}.

"""
VERIFICATION = """## Verify and read one response

The contestants take turns in every round. A ratio is the median of the ratios that the rounds gave.

The floor is base64 and one hardened parse; for each signature one exclusive C14N of what is signed,
SHA-256 and one RSA-2048 verification; for what is encrypted RSA-OAEP, AES-GCM and one parse of the
plaintext; with the primitives that Passerelle uses. signxml and python-xmlsec check signatures
only: no audience, no times. samlify runs with a schema validator that accepts everything. Before
it is timed, each has accepted the response, refused it with one byte changed in what is signed,
and, where it reads attributes, read every group.

"""


def table(title: str, explanation: str, rows: list[dict[str, str]]) -> str:
    heads = list(rows[0])
    lines = [title, "", *([explanation, ""] if explanation else [])]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row[head] for head in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def target_rows(
    races: list[Race], rates: dict[str, dict[str, Series]], starts: dict[str, Series]
) -> list[dict[str, str]]:
    rows = []

    def add(target: str, reached: float, met: bool) -> None:
        row = {"target": target, "reached": f"{reached:.2f} ×", "met": "yes" if met else "no"}
        rows.append(row)

    for one in races:
        ratio = one.series["Passerelle"].over(one.series["floor"])
        add(f"at most 2.2 × the floor: {one.payload.title}", ratio, ratio <= 2.2)
    first = races[0].series
    for peer, factor in (("python3-saml", 6), ("pysaml2", 100), ("node-saml", 20)):
        ratio = first[peer].over(first["Passerelle"])
        add(f"at least {factor} × faster than {peer}: the first payload", ratio, ratio >= factor)
    ratio, free = (
        rates[name][throughput.TWO].over(rates[name][throughput.ONE])
        for name in ("Passerelle", "floor")
    )
    add(f"two processes at least 1.7 × one; the floor {free:.2f} ×", ratio, ratio >= 1.7)
    ratio = starts["passerelle inspect"].over(starts["only the imports"])
    add("a cold `inspect` at most 1.3 × the imports", ratio, ratio <= 1.3)
    return rows


def verification(folder: Path) -> str:
    # The peers read the clock themselves, so the responses are of this moment.
    now = datetime.now(UTC)
    keys = Keys.make(now, folder)
    payloads = make_payloads(keys, now)
    first = payloads[0]
    with peers.Node(keys) as node:
        races = [race(payload, keys, node) for payload in payloads]
    contestants = {"Passerelle": peers.passerelle(first, keys), "floor": floor(first, keys)}
    rates = throughput.throughput(contestants, first.field)
    starts = startup.startup(first, keys)
    text = table("## Targets", "", target_rows(races, rates, starts))
    text += VERIFICATION
    for one in races:
        text += table(f"### {one.payload.title}", "", one.rows())
    text += table(
        "## One process and two",
        "Verifications of the first payload a second: median, and 10th to 90th percentile. The "
        "floor shows what the machine had left for a second process.",
        throughput.rows(rates),
    )
    return text + table(
        "## Cold start",
        "A fresh process of `passerelle inspect` on the first payload, beside a fresh Python that "
        "only imports lxml.etree and the modules of cryptography that `passerelle.saml` imports.",
        startup.rows(starts),
    )


def sign_in(folder: Path) -> str:
    with PostgreSQL.start(folder / "postgresql") as postgresql:
        rows = sign_in_rows(folder, postgresql)
        besides = hashing_rows(folder / "hashing", postgresql)
        pages = sign_in_page_rows(folder / "sign-in-page", postgresql)
    text = table(
        "## A whole sign-in",
        "Login, callback and finish over HTTP, eight people at a time, two worker processes, the "
        "client on the same cores. Time of one sign-in without the identity provider's part. This "
        "PostgreSQL does not wait for the disk; SQLite does, at every commit.",
        rows,
    )
    text += table(
        "## The sign-in page beside a sign-in",
        "Processor time of the one worker that serves: login, callback, finish and the dashboard, "
        "and a company's sign-in page, which people reload while others sign in. A tenth is wanted "
        "at most.",
        pages,
    )
    return text + table(
        "## Signing in while others try passwords",
        "The same by SAML, four people at a time, while strangers on the same cores send one "
        "request after the other, each from another network. Hashing is made to give way.",
        besides,
    )


def main() -> None:
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    versions = ", ".join(f"{name} {found}" for name, found in peers.versions().items())
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    with tempfile.TemporaryDirectory() as folder:
        text = HEAD.format(
            date=date,
            machine=machine,
            cores=os.cpu_count(),
            load=os.getloadavg()[0],
            versions=versions,
        )
        text += verification(Path(folder)) + sign_in(Path(folder))
    (ROOT / "benchmarks" / "RESULTS.md").write_text(text.strip() + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
