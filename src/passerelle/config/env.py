"""The environment variables, read once and checked; a wrong one stops the start with one line."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from passerelle.config.database_url import read_database_url

MIN_LENGTH = 32
"""Of the secret key."""
PREFIX = "PASSERELLE_"
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


class WrongEnvironment(Exception):  # noqa: N818 - reads as what is the matter
    """One line: the variable, what was expected, what was received."""


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    host = (parts.hostname or "") if _is_port(parts.netloc) else ""
    allowed = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if not _is_host(host) or not allowed or extra or parts.netloc.endswith(":"):
        raise ValueError(
            "an https address without path, such as https://sso.example, or http on a loopback "
            "address such as http://127.0.0.1:8000"
        )
    # Browsers leave the usual port out of what they compare: so do we.
    usual = {"https": 443, "http": 80}[parts.scheme]
    netloc = parts.netloc.lower()
    return f"{parts.scheme}://{netloc.removesuffix(f':{usual}') if parts.port else netloc}"


def _is_host(host: str) -> bool:
    """A name of letters, digits and hyphens, or an address."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return _HOST.fullmatch(host) is not None


def _is_port(netloc: str) -> bool:
    try:
        return urlsplit(f"//{netloc}").port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _database_url(value: str) -> str:
    expected = "an address such as postgresql://user:password@host:5432/passerelle"
    try:
        read_database_url(value)
    except (ValueError, KeyError):
        raise ValueError(f"{expected}, with special characters percent-encoded") from None
    return value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    networks = tuple(part.strip() for part in value.split(",") if part.strip())
    for network in networks:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ValueError(
                "addresses or networks with commas between them, such as 10.0.0.0/8, 127.0.0.1"
            ) from None
    return networks


def _email_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("smtp", "smtps", "smtp+tls") or not parts.hostname:
        raise ValueError("an address such as smtp+tls://user:password@mail.example:587")
    return value


def _secret_key(value: str) -> str:
    if len(value) < MIN_LENGTH:
        raise ValueError(f"at least {MIN_LENGTH} random characters")
    return value


class Environment(BaseModel):
    """What the operator sets; each field is `PASSERELLE_` and its name in capitals."""

    model_config = ConfigDict(frozen=True)

    base_url: Annotated[str, AfterValidator(_base_url)] = ""
    """The public address of this service."""
    database_url: Annotated[str, AfterValidator(_database_url)] | None = None
    """PostgreSQL instead of the embedded SQLite; several hosts with commas between them."""
    data_dir: Path = Path("passerelle-data")
    """The data folder of the embedded mode."""
    secret_key: Annotated[str, AfterValidator(_secret_key)] | None = None
    """Signs and seals; made and kept in the data folder in embedded mode."""
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_networks)] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    private_networks: Annotated[tuple[str, ...], BeforeValidator(_networks)] = ()
    """Networks of your own that metadata may be fetched from, although they are not public."""
    application_networks: Annotated[tuple[str, ...], BeforeValidator(_networks)] = ()
    """Networks of your own in which dashboards may be told of sign-outs, by plain http too. Every
    company's administrators then have Passerelle send logout tokens to addresses in them."""
    email_url: Annotated[str, AfterValidator(_email_url)] | None = None
    """The SMTP server for outgoing mail; `?from=` names the sender."""
    metrics_networks: Annotated[tuple[str, ...], BeforeValidator(_networks)] = (
        "127.0.0.0/8",
        "::1",
    )
    """Who may read /metrics: nobody but this machine, unless networks are named."""
    early_access_contact: str = ""
    """Whom a company asks for early access."""
    log_format: Literal["text", "json"] = "text"
    """How log lines are written."""
    demo: bool = False
    """Set by `passerelle demo` for its own processes: brings the practice identity provider."""

    @property
    def has_tls(self) -> bool:
        return self.base_url.startswith("https://")


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Read the variables; an empty one counts as not set. Raises WrongEnvironment."""
    names = {field: PREFIX + field.upper() for field in Environment.model_fields}
    given = {field: variables[name] for field, name in names.items() if variables.get(name)}
    try:
        environment = Environment.model_validate(given)
    except ValidationError as error:
        raise WrongEnvironment(_one_line(error, given)) from None
    if environment.demo and not _is_loopback(urlsplit(environment.base_url).hostname or ""):
        raise WrongEnvironment(
            "PASSERELLE_DEMO: the practice identity provider runs on a loopback address only, "
            f"not at {environment.base_url!r}"
        )
    if environment.database_url and not environment.secret_key:
        raise WrongEnvironment(
            "PASSERELLE_SECRET_KEY: expected at least 32 random characters, because with "
            "PostgreSQL it cannot be kept in the data folder; received nothing"
        )
    return environment


def _one_line(error: ValidationError, given: Mapping[str, str]) -> str:
    problem = error.errors()[0]
    field = str(problem["loc"][0])
    expected = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "literal_error":
        expected = f"one of {problem['ctx']['expected']}"
    return f"{PREFIX}{field.upper()}: expected {expected}; received {_shown(field, given[field])}"


def _shown(field: str, value: str) -> str:
    """The value, but never a secret: of an address that holds a password only where it leads."""
    if field == "secret_key":
        return f"{len(value)} characters"
    if field not in ("database_url", "email_url"):
        return repr(value)
    try:
        parts = urlsplit(value)
        return repr(f"{parts.scheme}://…@{parts.hostname}") if parts.hostname else "no such address"
    except ValueError:
        return "an address that cannot be read"
