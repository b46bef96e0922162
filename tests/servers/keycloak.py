"""Keycloak as a real identity provider on loopback, set up through its console's own words.

What its administration console calls a setting stands in the messages that it ships with, and for
mappers in what the server says of itself: a label that is neither there nor here is refused.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from . import processes
from .forms import Form, new_session, submit, visit
from .people import CAST, Person
from .posted import Posted, posted_by

VERSION = "26.5.0"
REALM = "acme"
PATIENCE = 900.0
ADMIN = {"username": "admin", "password": "a password for tests"}
SCOPE = "Client scopes > (client)-dedicated"
# Where the console keeps what it shows under a label: attributes, but for what has a field.
ATTRIBUTES = {
    "Settings > IDP-Initiated SSO URL name": "saml_idp_initiated_sso_url_name",
    "Settings > Name ID format": "saml_name_id_format",
    "Settings > Use metadata descriptor URL": "saml.useMetadataDescriptorUrl",
    "Settings > Metadata descriptor URL": "saml.metadataDescriptorUrl",
    "Keys > Client signature required": "saml.client.signature",
    "Keys > Certificate": "saml.signing.certificate",
    "Keys > Encrypt assertions": "saml.encrypt",
    "Advanced > Assertion Consumer Service POST Binding URL": ("saml_assertion_consumer_url_post"),
    "Advanced > Logout Service POST Binding URL": "saml_single_logout_service_url_post",
    "Advanced > Logout Service Redirect Binding URL": "saml_single_logout_service_url_redirect",
    "Settings > Signature and Encryption > Signature algorithm": "saml.signature.algorithm",
    "Settings > Signature and Encryption > Encryption Algorithm": "saml.encryption.algorithm",
    "Settings > Signature and Encryption > Canonicalization method": (
        "saml_signature_canonicalization_method"
    ),
}
SWITCHES = {"On": "true", "Off": "false"}
# It allows no ampersand in a name.
PEOPLE = tuple(replace(one, last_name=one.last_name.replace(" & ", " ")) for one in CAST)


def home() -> Path:
    """Where `install-keycloak` has unpacked it, outside the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "passerelle-tests" / f"keycloak-{VERSION}"


def _messages() -> set[str]:
    """What the administration console says in English."""
    [console] = (home() / "lib/lib/main").glob("org.keycloak.keycloak-admin-ui-*.jar")
    with zipfile.ZipFile(console) as jar:
        messages = jar.read("theme/keycloak.v2/admin/messages/messages_en.properties").decode()
    return {line.partition("=")[2].strip() for line in messages.splitlines() if "=" in line}


class Keycloak:
    """One server with one realm; each test makes a client of its own in it."""

    def __init__(self, server: processes.Server, url: str) -> None:
        self.url = url
        self.realm_url = f"{url}/realms/{REALM}"
        self.metadata_url = f"{self.realm_url}/protocol/saml/descriptor"
        self.people: dict[str, Person] = {}
        self._server = server
        self._words = _messages()

    @classmethod
    def start(cls, state: Path) -> Self:
        port = processes.free_port()
        url = f"http://{processes.LOOPBACK}:{port}"
        database = f"jdbc:h2:file:{state.resolve()}/h2;NON_KEYWORDS=VALUE"
        address = ["--http-host", processes.LOOPBACK, "--http-port", str(port)]
        server = processes.start(
            ["bash", str(home() / "bin/kc.sh"), "start-dev", *address, "--db-url", database],
            log=state / "log",
            env={
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN["username"],
                "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN["password"],
            },
        )
        processes.wait_for_url(server, f"{url}/realms/master", seconds=PATIENCE)
        keycloak = cls(server, url)
        keycloak._learn_mappers()
        keycloak._ask("POST", "/admin/realms", {"realm": REALM, "enabled": True})
        keycloak.enrol(*PEOPLE)
        return keycloak

    def stop(self) -> None:
        processes.stop(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _learn_mappers(self) -> None:
        """The console takes these words from the server."""
        info = self._ask("GET", "/admin/serverinfo")
        kinds = info["protocolMapperTypes"]["saml"]
        self._words |= {kind["name"] for kind in kinds}
        self._words |= {one["label"] for kind in kinds for one in kind["properties"]}
        self._words |= {one["name"] for one in info["builtinProtocolMappers"]["saml"]}

    # People.

    def enrol(self, *people: Person) -> None:
        """Add people with their groups, or give those of the same username these groups."""
        for person in people:
            self.people[person.username] = person
            if not (found := self.find(person.username)):
                self._ask("POST", f"/admin/realms/{REALM}/users", _account(person))
                found = self.find(person.username)
            self._set_groups(found["id"], person.groups)

    def find(self, username: str) -> dict[str, Any]:
        query = urllib.parse.urlencode({"username": username, "exact": "true"})
        found = self._ask("GET", f"/admin/realms/{REALM}/users?{query}")
        return dict(found[0]) if found else {}

    def remove(self, username: str) -> None:
        user = self.find(username)
        self._ask("DELETE", f"/admin/realms/{REALM}/users/{user['id']}")

    def sign_out_as_administrator(self, username: str) -> None:
        """Users > (user) > Sessions > Sign out."""
        user = self.find(username)
        self._ask("POST", f"/admin/realms/{REALM}/users/{user['id']}/logout")

    def switch(self, username: str, *, on: bool) -> None:
        """Users > (user) > Enabled."""
        user = self.find(username)
        self._ask("PUT", f"/admin/realms/{REALM}/users/{user['id']}", {**user, "enabled": on})

    @contextmanager
    def another_key(self) -> Iterator[None]:
        """Realm settings > Keys > Add provider > rsa-generated, before the others."""
        self.read("Realm settings > Keys > Add provider")
        components = f"/admin/realms/{REALM}/components"
        made = {
            "name": "a new key",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["200"], "algorithm": ["RS256"], "keySize": ["2048"]},
        }
        self._ask("POST", components, made)
        [found] = self._ask("GET", f"{components}?name={urllib.parse.quote(made['name'])}")
        try:
            yield
        finally:
            self._ask("DELETE", f"{components}/{found['id']}")

    def _set_groups(self, user_id: str, names: tuple[str, ...]) -> None:
        groups = f"/admin/realms/{REALM}/users/{user_id}/groups"
        for group in self._ask("GET", groups):
            self._ask("DELETE", f"{groups}/{group['id']}")
        for name in names:
            self._ask("PUT", f"{groups}/{self._group(name)}")

    def _group(self, name: str) -> str:
        query = urllib.parse.urlencode({"search": name, "exact": "true"})
        path = f"/admin/realms/{REALM}/groups"
        if not (found := self._ask("GET", f"{path}?{query}")):
            self._ask("POST", path, {"name": name})
            found = self._ask("GET", f"{path}?{query}")
        return str(found[0]["id"])

    # The client, as an administrator makes it in the console.

    def import_client(self, metadata: bytes) -> None:
        """Clients > Import client > Resource file."""
        path = f"/admin/realms/{REALM}/client-description-converter"
        read = self._ask("POST", path, metadata.decode())
        self._ask("POST", f"/admin/realms/{REALM}/clients", read)

    def create_client(self, client_id: str) -> None:
        """Clients > Create client, with the client type SAML and a client ID."""
        made = {"clientId": client_id, "protocol": "saml", "enabled": True}
        self._ask("POST", f"/admin/realms/{REALM}/clients", made)

    def client(self, client_id: str) -> dict[str, Any]:
        query = urllib.parse.urlencode({"clientId": client_id})
        [found] = self._ask("GET", f"/admin/realms/{REALM}/clients?{query}")
        return dict(found)

    def remove_client(self, client_id: str) -> None:
        self._ask("DELETE", self._path(self.client(client_id)))

    def type(self, client_id: str, label: str, value: str) -> None:
        """Type a value into what the console calls `label`, and save."""
        self.read(label)
        client = self.client(client_id)
        if label == f"{SCOPE} > Add predefined mapper":
            return self._add_predefined(client, value.split(", "))
        if label == "Settings > Client ID":
            client["clientId"] = value
        elif label == "Settings > Valid redirect URIs":
            client["redirectUris"] = [value]
        elif label == "Settings > Master SAML Processing URL":
            client["adminUrl"] = value
        elif label == "Settings > Logout settings > Front channel logout":
            client["frontchannelLogout"] = value == "On"
        else:
            client["attributes"][ATTRIBUTES[label]] = SWITCHES.get(value, value)
        self._ask("PUT", self._path(client), client)
        return None

    def shown(self, client_id: str, label: str) -> str:
        """What the console shows under a label that is kept as an attribute."""
        value: str = self.client(client_id)["attributes"].get(ATTRIBUTES[label], "")
        return {one: word for word, one in SWITCHES.items()}.get(value, value)

    def read(self, label: str) -> None:
        """Find each part of a label among the console's own words. Raises KeyError."""
        for part in label.split(" > "):
            if not part.startswith("(") and part not in self._words:
                raise KeyError(f"Keycloak's console has no {part!r}, of {label!r}")

    def configure_mapper(self, client_id: str, path: str, values: dict[str, str]) -> None:
        """Client scopes > (client)-dedicated > Add mapper > By configuration > (type)."""
        self.read(path)
        name = path.rpartition(" > ")[2]
        [kind] = [
            one
            for one in self._ask("GET", "/admin/serverinfo")["protocolMapperTypes"]["saml"]
            if one["name"] == name
        ]
        labels = {one["label"]: one for one in kind["properties"]}
        config = {
            one["name"]: one["defaultValue"] for one in labels.values() if "defaultValue" in one
        }
        for label, value in values.items():
            if label != "Name":
                config[labels[label]["name"]] = SWITCHES.get(value, value)
        made = {
            "name": values["Name"],
            "protocol": "saml",
            "protocolMapper": kind["id"],
            "config": config,
        }
        client = self.client(client_id)
        self._ask("POST", f"{self._path(client)}/protocol-mappers/models", made)

    def put_back(self, client: dict[str, Any]) -> None:
        """Let a client be again what it was; mappers stay as they are."""
        self._ask("PUT", self._path(client), client)

    def remove_mapper(self, client_id: str, name: str) -> None:
        client = self.client(client_id)
        [found] = [one["id"] for one in client["protocolMappers"] if one["name"] == name]
        self._ask("DELETE", f"{self._path(client)}/protocol-mappers/models/{found}")

    def _add_predefined(self, client: dict[str, Any], names: list[str]) -> None:
        known = self._ask("GET", "/admin/serverinfo")["builtinProtocolMappers"]["saml"]
        chosen = [one for one in known if one["name"] in names]
        assert len(chosen) == len(names), f"Keycloak has not all of {names}"
        self._ask("POST", f"{self._path(client)}/protocol-mappers/add-models", chosen)

    def _path(self, client: dict[str, Any]) -> str:
        return f"/admin/realms/{REALM}/clients/{client['id']}"

    # What browsers do.

    def metadata(self) -> bytes:
        with new_session().open(self.metadata_url, timeout=60) as response:
            document: bytes = response.read()
        return document

    def idp_initiated_url(self, name: str) -> str:
        return f"{self.realm_url}/protocol/saml/clients/{name}"

    def sign_in(
        self, session: urllib.request.OpenerDirector, start_url: str, username: str
    ) -> Posted:
        """Sign in over plain HTTP; stop short of posting the response to the service provider."""
        forms = visit(session, start_url)
        for form in [form for form in forms if "password" in form.fields]:
            password = self.people[username].password
            forms = submit(session, form, username=username, password=password)
        if posted := posted_by(forms):
            return posted
        raise processes.failure(self._server, f"no SAMLResponse at the end of {start_url}")

    def sign_out(self, session: urllib.request.OpenerDirector) -> list[Form]:
        """Sign out at Keycloak and confirm it; return what its page would do next."""
        forms = visit(session, f"{self.realm_url}/protocol/openid-connect/logout")
        [confirm] = [form for form in forms if "session_code" in form.fields]
        return submit(session, confirm)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        sent = body if isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else sent.encode(),
            headers={
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        try:
            with new_session().open(request, timeout=60) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise processes.ServerError(f"{method} {path}: {error.code} {said}") from error
        return json.loads(answer) if answer else None

    def _token(self) -> str:
        """For one question: they end within a minute."""
        fields = {"grant_type": "password", "client_id": "admin-cli", **ADMIN}
        address = f"{self.url}/realms/master/protocol/openid-connect/token"
        body = urllib.parse.urlencode(fields).encode()
        with new_session().open(address, body, timeout=60) as response:
            token: str = json.loads(response.read())["access_token"]
        return token


def _account(person: Person) -> dict[str, Any]:
    return {
        "username": person.username,
        "email": person.email,
        "emailVerified": True,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "enabled": True,
        "credentials": [{"type": "password", "value": person.password, "temporary": False}],
    }
