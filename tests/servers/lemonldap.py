"""LemonLDAP::NG of Debian as a real identity provider, run by Plack on loopback.

Its console, the Manager, writes one file of settings; the tests write that file in its place, with
the names that the console's own words stand for (see `console_words`).
"""

import json
import os
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

from . import processes
from .forms import new_session, submit, visit, visit_with_frames
from .people import CAST, Person
from .posted import Posted, posted_by

PORTAL = Path("/usr/share/lemonldap-ng/portal/htdocs")
MANAGER = Path("/usr/share/lemonldap-ng/manager/htdocs")
MODULES = Path(__file__).parent / "lemonldap_idp"
PATIENCE = 300.0
SP = "passerelle"
"""What our service provider is called in its list."""
FRESH_SP = {
    "samlSPMetaDataOptionsCheckSSOMessageSignature": 1,
    "samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
    "samlSPMetaDataOptionsSignSSOMessage": -1,
    "samlSPMetaDataOptionsSignSLOMessage": -1,
    "samlSPMetaDataOptionsEnableIDPInitiatedURL": 0,
    "samlSPMetaDataOptionsEncryptionMode": "none",
    "samlSPMetaDataOptionsNameIDFormat": "",
    "samlSPMetaDataOptionsForceUTF8": 1,
}
"""The options that the Manager gives to a service provider that was just added."""


def console_words() -> dict[str, str]:
    """The Manager's English labels, by the name of the setting."""
    words: dict[str, str] = json.loads((MANAGER / "static/languages/en.json").read_bytes())
    return words


class LemonLDAP:
    """One identity provider. What is written to its settings holds after `restart`.

    In the demonstration directory a password is the username.
    """

    def __init__(self, state: Path, port: int) -> None:
        self.url = f"http://{processes.LOOPBACK}:{port}"
        self.metadata_url = f"{self.url}/saml/metadata"
        self.settings: dict[str, Any] = {}
        self.people: dict[str, Person] = {}
        self._state, self._port = state, port
        self._server: processes.Server | None = None

    @classmethod
    def start(cls, state: Path) -> Self:
        idp = cls(state.resolve(), processes.free_port())
        for folder in ("conf", "sessions/lock", "psessions/lock", "cache"):
            (idp._state / folder).mkdir(parents=True, exist_ok=True)
        (idp._state / "lemonldap-ng.ini").write_text(_INI.format(state=idp._state))
        idp.settings = _settings(idp.url, idp._state)
        idp.renew_key()
        idp.enrol(*CAST)
        idp.restart()
        return idp

    def restart(self) -> None:
        """Read settings and people anew; sessions stay."""
        self.stop()
        (self._state / "conf/lmConf-1.json").write_text(json.dumps(self.settings))
        command = ["plackup", "-I", str(MODULES), "-M", "People", "-E", "deployment"]
        address = ["--host", processes.LOOPBACK, "--port", str(self._port)]
        self._server = processes.start(
            [*command, *address, str(PORTAL / "index.psgi")],
            log=self._state / "log",
            env={
                "LLNG_DEFAULTCONFFILE": str(self._state / "lemonldap-ng.ini"),
                "LLNG_DEFAULTLOGGER": "Lemonldap::NG::Common::Logger::Std",
                "PASSERELLE_TEST_STATE": str(self._state),
            },
        )
        # It listens once it is ready, or once it has given up.
        processes.wait_for_port(self._server, self._port, seconds=PATIENCE)
        processes.wait_for_url(self._server, self.metadata_url)

    def stop(self) -> None:
        if self._server:
            processes.stop(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def renew_key(self) -> None:
        """Sign with a new key, as "Force new keys" in the Manager does."""
        key, certificate = self._state / "idp.key", self._state / "idp.crt"
        subject = ["-subj", "/CN=LemonLDAP of the tests", "-days", "2"]
        new_key = ["-newkey", "rsa:2048", "-noenc", "-keyout", str(key)]
        processes.run(["openssl", "req", "-x509", *new_key, *subject, "-out", str(certificate)])
        self.settings["samlServicePrivateKeySig"] = key.read_text()
        self.settings["samlServicePublicKeySig"] = certificate.read_text()

    def enrol(self, *people: Person) -> None:
        """Add people, or replace those of the same username."""
        self.people |= {person.username: person for person in people}
        groups = {group for person in self.people.values() for group in person.groups}
        known = {
            "accounts": {one.username: _account(one) for one in self.people.values()},
            "groups": {
                group: [one.username for one in self.people.values() if group in one.groups]
                for group in groups
            },
        }
        new = self._state / "people.new"
        new.write_text(json.dumps(known, ensure_ascii=False))
        os.replace(new, self._state / "people.json")

    def lose_persistent_sessions(self) -> None:
        """Where it keeps the identifiers that it has made."""
        kept = [one for one in (self._state / "psessions").iterdir() if one.is_file()]
        assert kept
        for one in kept:
            one.unlink()

    def option(self, label: str) -> str:
        """The name of the option of a service provider that the console calls so."""
        words, parts = console_words(), label.split(" > ")
        start = "samlSPMetaDataOptions"
        found = [name for name in words if name.startswith(start) and words[name] == parts[-1]]
        sections = [words[name] for name in words if name.startswith(start)]
        if len(found) != 1 or any(part not in sections for part in parts):
            raise KeyError(f"LemonLDAP's Manager has no {label!r}")
        return found[0]

    def metadata(self) -> bytes:
        with new_session().open(self.metadata_url, timeout=20) as response:
            document: bytes = response.read()
        return document

    def idp_initiated_url(self, sp_entity_id: str) -> str:
        query = urllib.parse.urlencode({"IDPInitiated": 1, "sp": sp_entity_id})
        return f"{self.url}/saml/singleSignOn?{query}"

    def sign_in(
        self, session: urllib.request.OpenerDirector, start_url: str, username: str
    ) -> Posted:
        """Sign in over plain HTTP; stop short of posting the response to the service provider."""
        forms = visit(session, start_url)
        for form in [form for form in forms if "password" in form.fields]:
            forms = submit(session, form, user=username, password=username)
        if posted := posted_by(forms):
            return posted
        assert self._server
        raise processes.failure(self._server, f"no SAMLResponse at the end of {start_url}")

    def sign_out(self, session: urllib.request.OpenerDirector) -> None:
        """Sign out at the portal, whose page tells service providers in frames."""
        visit_with_frames(session, f"{self.url}/?logout=1")


def _account(person: Person) -> dict[str, str]:
    return {
        "uid": person.username,
        "mail": person.email,
        "givenName": person.first_name,
        "sn": person.last_name,
    }


def _settings(url: str, state: Path) -> dict[str, Any]:
    files = "Apache::Session::File"
    known = ("uid", "mail", "givenName", "sn")
    return {
        "cfgNum": 1,
        "cfgDate": 1,
        "portal": f"{url}/",
        "domain": processes.LOOPBACK,
        "cookieName": f"lemonldap{url.rpartition(':')[2]}",
        "securedCookie": 0,
        "authentication": "Demo",
        "userDB": "Same",
        "demoExportedVars": {name: name for name in known},
        "whatToTrace": "uid",
        "locationRules": {processes.LOOPBACK: {"default": "accept"}},
        "exportedHeaders": {},
        "macros": {},
        "groups": {},
        "captcha": "NoCaptcha",
        "portalDisplayResetPassword": 0,
        "portalDisplayRegister": 0,
        "key": "only for tests",
        "globalStorage": files,
        "globalStorageOptions": {
            "Directory": str(state / "sessions"),
            "LockDirectory": str(state / "sessions/lock"),
        },
        "persistentStorage": files,
        "persistentStorageOptions": {
            "Directory": str(state / "psessions"),
            "LockDirectory": str(state / "psessions/lock"),
        },
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {
            "namespace": "sessions",
            "cache_root": str(state / "cache"),
            "cache_depth": 3,
            "default_expires_in": 600,
        },
        "issuerDBSAMLActivation": 1,
        "samlServiceSignatureMethod": "RSA_SHA256",
        "samlServiceUseCertificateInResponse": 0,
    }


_INI = """
[all]
logLevel = warn

[configuration]
type = File
dirName = {state}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'config', 'cache_root' => '{state}/cache' }}

[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
"""
