"""The configuration file as typed values, and where in the file each one stands."""

import json
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from passerelle.configfile.positions import Place, lines_of_values
from passerelle.configfile.values import (
    application_host,
    followed_address,
    network,
    permission_key,
    redirect_uri,
    rule_pattern,
    short_entity_id,
    uri,
    web_address,
)
from passerelle.directory import models as directory
from passerelle.infra.domain_names import normalise_domain
from passerelle.provisioning.model import GROUPS_OF_CLIENT


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError("expected one line, without control characters")
    return value


OneLine = AfterValidator(_one_line)
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=150, strip_whitespace=True),
    OneLine,
]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]


def _domain(value: str) -> str:
    domain = normalise_domain(value)
    if domain is None:
        raise ValueError("expected a domain such as acme.example")
    return domain


DomainName = Annotated[str, AfterValidator(_domain)]


class Table(BaseModel):
    """A table of the file: an unknown key in it is a mistake, never ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        """A database cannot keep one in a text."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("expected text without NUL")
        return value


class LocalName(Table):
    en: Name
    fr: Name


class Permission(Table):
    key: Annotated[str, AfterValidator(permission_key)]
    name: LocalName


class Workspace(Table):
    name: Name


class PermissionSet(Table):
    name: Name
    permissions: list[str] = []


class Domain(Table):
    name: DomainName
    verified: bool = False
    connection: Slug | None = None


# White space around an identifier counts nowhere.
EntityId = Annotated[str, StringConstraints(max_length=1024, strip_whitespace=True), OneLine]
AttributeName = Annotated[str, StringConstraints(max_length=300), OneLine]
Uri = Annotated[str, AfterValidator(uri), StringConstraints(max_length=90)]
Url = Annotated[str, AfterValidator(web_address)]


class Saml(Table):
    slug: Slug
    name: Name
    enabled: bool = True
    metadata_file: str | None = None
    entity_id: (
        Annotated[EntityId, StringConstraints(min_length=1), AfterValidator(short_entity_id)] | None
    ) = None
    target_url: Url | None = None
    certificates: list[str] = []
    sp_entity_id: EntityId = ""
    subject_attribute: AttributeName = ""
    email_attribute: AttributeName = ""
    first_name_attribute: AttributeName = ""
    last_name_attribute: AttributeName = ""
    value_separator: Annotated[str, StringConstraints(max_length=5), OneLine] = ""
    absent_is_empty: bool = True
    idp_initiated: bool = False
    allow_cbc: bool = False
    force_authn: bool = False
    name_id_format: Annotated[str, StringConstraints(max_length=200), OneLine] = ""
    authn_contexts: Annotated[list[Uri], Field(max_length=10)] = []
    # What metadata says, unless the file does.
    request_binding: Literal["redirect", "post"] | None = None
    sign_requests: bool | None = None
    post_target_url: Url | Literal[""] | None = None
    logout_url: Url | Literal[""] | None = None
    logout_binding: Literal["redirect", "post"] | None = None
    logout_answer_url: Url | Literal[""] | None = None
    metadata_url: Annotated[str, AfterValidator(followed_address)] | Literal[""] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Saml":
        # Certificates may stand beside metadata: the next one, before the provider publishes it.
        if self.metadata_file and self.target_url:
            raise ValueError(
                "expected metadata_file, or entity_id, target_url and certificates, not both"
            )
        return self


MostAddresses = Field(max_length=directory.Application.MOST_ADDRESSES)
Role = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), OneLine
]
ClientId = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]
RedirectUri = Annotated[str, AfterValidator(redirect_uri)]


class Application(Table):
    name: Name
    url: Annotated[Url, StringConstraints(max_length=directory.Application.LONGEST)]
    kind: Literal["link", "oidc", "proxy"] = "link"
    product: Annotated[str, StringConstraints(max_length=30), OneLine] = ""
    workspaces: list[Name] = []
    workspace: Name | None = None
    permission: str | None = None
    client_id: ClientId | None = None
    client_secret_file: str | None = None
    public: bool = False
    redirect_uris: Annotated[list[RedirectUri], MostAddresses] = []
    post_logout_redirect_uris: Annotated[list[RedirectUri], MostAddresses] = []
    backchannel_logout_uri: Annotated[Url, StringConstraints(max_length=500)] | Literal[""] = ""
    hosts: Annotated[list[Annotated[str, AfterValidator(application_host)]], MostAddresses] = []
    default_role: Annotated[str, StringConstraints(max_length=200), OneLine] = ""
    open_at_sign_in: bool = False
    roles: dict[Name, Role] = {}


class Rule(Table):
    attribute: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    equals: Annotated[str, StringConstraints(max_length=500)] | None = None
    matches: (
        Annotated[str, StringConstraints(max_length=500), AfterValidator(rule_pattern)] | None
    ) = None
    workspace: Name | None = None
    permission_set: Name | None = None
    administrator: bool = False
    sync: Literal["always", "first_sign_in"] | None = None

    @model_validator(mode="after")
    def _one_condition_and_one_right(self) -> "Rule":
        if (self.equals is None) == (self.matches is None):
            raise ValueError("expected either equals or matches")
        rights = [self.workspace is not None, self.permission_set is not None]
        if self.administrator and any(rights):
            raise ValueError("expected no workspace and no permission_set with administrator")
        if not self.administrator and not all(rights):
            raise ValueError("expected workspace and permission_set, or administrator = true")
        of_client = self.attribute.strip().casefold() == GROUPS_OF_CLIENT
        if of_client and (self.administrator or self.sync):
            raise ValueError(f"expected neither administrator nor sync with {GROUPS_OF_CLIENT}")
        return self


class Provisioning(Table):
    automatic_user_provisioning: bool = False
    default_workspace: Name | None = None
    default_permission_set: Name | None = None
    domains: Literal["known", "verified"] | list[DomainName] = "known"
    newcomers: Literal["create", "approve"] = "create"
    existing_accounts: Literal["link", "refuse"] = "link"
    update_profile: bool = True
    sync_rules: Literal["always", "first_sign_in"] = "always"
    rules: list[Rule] = []


class GoogleSso(Table):
    enabled: bool = False
    client_id: Annotated[str, StringConstraints(max_length=200)] = ""
    hosted_domain: DomainName | Literal[""] = ""


class Security(Table):
    password_min_length: Annotated[int, Field(ge=8, le=128)] = 8
    password_complexity: bool = False
    password_reuse: Annotated[int, Field(ge=0, le=24)] = 3
    password_expiry_days: Annotated[int, Field(ge=0, le=3650)] = 0
    # Before the minutes, which depend on it.
    two_factor: Literal["optional", "required"] = "optional"
    session_minutes: Annotated[int, Field(ge=1, le=10080)] = 1440
    sso_enforcement: Literal["off", "test_users", "everyone"] = "off"
    ip_allowlist: list[Annotated[str, AfterValidator(network)]] = []

    @field_validator("session_minutes")
    @classmethod
    def _week_needs_two_factor(cls, minutes: int, info: ValidationInfo) -> int:
        if minutes > 1440 and info.data.get("two_factor") != "required":
            raise ValueError('expected 1440 or less, or two_factor = "required"')
        return minutes


def _not_an_address(slug: str) -> str:
    if slug == "code":
        raise ValueError("expected another slug: /login/code/ is a page for everybody")
    return slug


class Company(Table):
    slug: Annotated[Slug, AfterValidator(_not_an_address)]
    name: Name
    jit_provisioning_available: bool = False
    workspaces: list[Workspace] = []
    permission_sets: list[PermissionSet] = []
    domains: list[Domain] = []
    applications: Annotated[list[Application], Field(max_length=directory.Application.MOST)] = []
    saml: list[Saml] = []
    provisioning: Provisioning = Provisioning()
    google_sso: GoogleSso = GoogleSso()
    security: Security = Security()


class Configuration(Table):
    permissions: list[Permission] = []
    companies: list[Company] = []


class WrongConfiguration(Exception):  # noqa: N818 - reads as what is the matter
    """One line: file, line, key, what was expected, what was received."""


class ConfigurationFile:
    """A file that was read: its values, and for each the line where it stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise WrongConfiguration(f"{path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise WrongConfiguration(f"{path}, line {line}: expected UTF-8 text") from None
        self.values = self._parse()
        self.notes: list[str] = []
        """What its author should know although the file is right."""
        try:
            self.configuration = Configuration.model_validate(self.values)
        except ValidationError as error:
            raise self._first_problem(error) from None

    def _parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except ValueError as error:
            raise WrongConfiguration(f"{self.path}: not TOML: {error}") from None
        except RecursionError:
            raise WrongConfiguration(f"{self.path}: not TOML: nested too deeply") from None

    def _first_problem(self, error: ValidationError) -> WrongConfiguration:
        """The first problem in the file's order of keys, and the innermost where one has several.

        Where one of several kinds is possible, each kind has its own complaint.
        """
        found = [(self._place(one), one) for one in error.errors(include_url=False)]
        first = found[0][0]
        place = max((one for one, _ in found if one[: len(first)] == first), key=len)
        problems = [problem for one, problem in found if one == place]
        kind = problems[0]["type"]
        if kind == "missing":
            return self.wrong(place, f"expected a key {place[-1]}", parent=True)
        if kind == "extra_forbidden":
            return self.wrong(place, "expected no such key")
        wanted = [_expected(problem).removeprefix("expected ") for problem in problems]
        return self.wrong(place, "expected " + " or ".join(wanted))

    def _place(self, problem: ErrorDetails) -> Place:
        """Where a problem is: of pydantic's location, what is not the name of a kind of value."""
        place: Place = ()
        for part in problem["loc"]:
            if isinstance(part, int) or value_at(self.values, (*place, part)) is not None:
                place = (*place, part)
        return (*place, problem["loc"][-1]) if problem["type"] == "missing" else place

    def wrong(self, place: Place, expected: str, *, parent: bool = False) -> WrongConfiguration:
        """The error for one place: its line, its key, and the value that stands there."""
        value = value_at(self.values, place)
        received = "nothing" if value is None or parent else _shown(value)
        at = self._named(place, place[:-1] if parent else place)
        return WrongConfiguration(f"{at}: {expected}; received {received}")

    def note(self, place: Place, sentence: str) -> None:
        self.notes.append(f"{self._named(place, place)}: {sentence}")

    def _named(self, place: Place, shown: Place) -> str:
        key = "".join(f"[{one}]" if isinstance(one, int) else f".{_key(one)}" for one in place)
        return f"{self.path}, line {self.line_of(shown)}: {key.lstrip('.')}"

    def line_of(self, place: Place) -> int:
        """The line where a value begins, or the table that it is missing from."""
        lines = lines_of_values(self.text)
        while place and place not in lines:
            place = place[:-1]
        return lines.get(place, 1)


def value_at(values: Any, place: Place) -> Any:
    """The value at a place, or None."""
    for part in place:
        if isinstance(part, int):
            values = values[part] if isinstance(values, list) and part < len(values) else None
        else:
            values = values.get(part) if isinstance(values, dict) else None
        if values is None:
            return None
    return values


_WORDS = {
    "string_too_short": "expected at least one character",
    "string_pattern_mismatch": "expected lower-case letters, digits and hyphens, such as acme",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
}


def _expected(problem: ErrorDetails) -> str:
    """What was expected, in the words of the file."""
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "literal_error":
        return f"expected {limits['expected']}"
    if kind == "string_too_long":
        return f"expected at most {limits['max_length']} characters"
    if kind == "too_long":
        return f"expected at most {limits['max_length']} entries"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = limits.get("ge", limits.get("le"))
        return f"expected {bound} or {'more' if 'ge' in limits else 'less'}"
    message = problem["msg"].removeprefix("Value error, ")
    return _WORDS.get(kind, message[:1].lower() + message[1:])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"a table with {', '.join(value)}" if value else "an empty table"
    try:
        text = repr(value) if not isinstance(value, bool) else str(value).lower()
    except ValueError:
        text = "a very long number"
    return text if len(text) <= 100 else text[:97] + "..."
