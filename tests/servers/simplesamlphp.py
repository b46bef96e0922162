"""SimpleSAMLphp of Debian as a real identity provider, on loopback, with a state of its own."""

import json
import os
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Self, Unpack

from . import processes
from .answers import Answer, settings
from .forms import new_session, submit, visit
from .people import CAST, Person
from .posted import Posted, posted_by

PACKAGE = Path("/usr/share/simplesamlphp")
CONFIGURATION = Path(__file__).parent / "simplesamlphp_idp"


class SimpleSAMLphp:
    """One running identity provider.

    A browser meets a form with the fields `username` and `password` and a submit button; what
    follows posts itself to the service provider.
    """

    def __init__(self, server: processes.Server, state: Path, port: int, answer: Answer) -> None:
        self.people: dict[str, Person] = {}
        self.url = f"http://{processes.LOOPBACK}:{port}"
        self.entity_id = f"{self.url}/saml2/idp/metadata.php"
        self.certificate = state / "idp.crt"
        self._server = server
        self._state = state
        self._answer = answer

    @classmethod
    def start(cls, state: Path, **answer: Unpack[Answer]) -> Self:
        """Start one that answers as told, unless a service provider is registered otherwise."""
        state, port = state.resolve(), processes.free_port()
        _prepare(state)
        server = processes.start(_serve(port), log=state / "log", env=_environment(state, port))
        idp = cls(server, state, port, answer)
        idp.enrol(*CAST)
        processes.wait_for_url(server, idp.entity_id)
        return idp

    def stop(self) -> None:
        """Stop it; its state folder stays for whoever wants to read the log."""
        processes.stop(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def metadata(self) -> bytes:
        """The identity provider's metadata, from the address where it publishes them."""
        with new_session().open(self.entity_id, timeout=20) as response:
            document: bytes = response.read()
        return document

    def register(self, sp_metadata: bytes, **answer: Unpack[Answer]) -> None:
        """Add or replace a service provider, as SimpleSAMLphp's own parser reads its metadata."""
        chosen = settings({**self._answer, **answer})
        known = self._state / "service-providers.json"
        providers = json.loads(known.read_bytes())
        for entity_id, read in _parse(sp_metadata, self._state).items():
            providers[entity_id] = {**read, **chosen}
        _replace(known, providers)

    def enrol(self, *people: Person) -> None:
        """Add people, or replace those of the same username; true from the next sign-in on."""
        self.people |= {person.username: person for person in people}
        accounts = {f"{p.username}:{p.password}": p.attributes for p in self.people.values()}
        _replace(self._state / "people.json", accounts)

    def idp_initiated_url(self, sp_entity_id: str, relay_state: str | None = None) -> str:
        """Where a person starts who chooses the service provider at the identity provider."""
        query = {"spentityid": sp_entity_id}
        if relay_state is not None:
            query["RelayState"] = relay_state
        return f"{self.url}/saml2/idp/SSOService.php?{urllib.parse.urlencode(query)}"

    def sign_in(
        self, session: urllib.request.OpenerDirector, start_url: str, username: str
    ) -> Posted:
        """Sign in over plain HTTP; stop short of posting the response to the service provider.

        Whoever is signed in already (same session) is not asked for the password again.
        """
        forms = visit(session, start_url)
        for form in [form for form in forms if "password" in form.fields]:
            person = self.people[username]
            forms = submit(session, form, username=username, password=person.password)
        if posted := posted_by(forms):
            return posted
        raise processes.failure(self._server, f"no SAMLResponse at the end of {start_url}")


def _prepare(state: Path) -> None:
    for folder in ("data", "sessions", "tmp"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    _replace(state / "service-providers.json", {})
    key, certificate = str(state / "idp.key"), str(state / "idp.crt")
    subject = ["-subj", "/CN=SimpleSAMLphp of the tests", "-days", "2"]
    new_key = ["-newkey", "rsa:2048", "-noenc", "-keyout", key]
    processes.run(["openssl", "req", "-x509", *new_key, *subject, "-out", certificate])


def _serve(port: int) -> list[str]:
    address = f"{processes.LOOPBACK}:{port}"
    quiet = ["-d", "display_errors=0", "-d", "log_errors=1"]
    root = ["-t", str(PACKAGE / "www"), str(CONFIGURATION / "router.php")]
    return ["php", *quiet, "-S", address, *root]


def _environment(state: Path, port: int) -> dict[str, str]:
    return {
        "SIMPLESAMLPHP_CONFIG_DIR": str(CONFIGURATION),
        "PASSERELLE_TEST_STATE": str(state),
        "PASSERELLE_TEST_PORT": str(port),
        "PHP_CLI_SERVER_WORKERS": "4",
    }


def _parse(sp_metadata: bytes, state: Path) -> dict[str, dict[str, object]]:
    script = str(CONFIGURATION / "parse_metadata.php")
    printed = processes.run(
        ["php", script, str(PACKAGE)], env=_environment(state, 0), given=sp_metadata
    )
    read: dict[str, dict[str, object]] = json.loads(printed)
    if not read:
        raise processes.ServerError("SimpleSAMLphp finds no service provider in these metadata")
    return read


def _replace(path: Path, content: object) -> None:
    """Write as one step: the server may read at any moment."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    os.replace(new, path)
