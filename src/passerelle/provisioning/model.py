"""What provisioning knows and what it may decide. All frozen: a decision changes nothing."""

from dataclasses import dataclass, field
from typing import Literal

from passerelle.provisioning.email_address import EmailAddress

Source = Literal["hand", "default", "rule", "scim", "invitation"]
Status = Literal["invited", "pending", "active", "suspended"]
Attributes = dict[str, tuple[str, ...]]
"""Values by the name of their attribute."""
GROUPS_OF_CLIENT = "scim.groups"
"""As rules call the groups that a provisioning client keeps here."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The claims of one person, as provisioning reads them.

    `subject` is None when the identity provider sent nothing that stays the same; `emails` is empty
    when it sent no usable address, and `email_received` is what it sent instead. `name_id_received`
    is a NameID that says it is an address and is none.
    """

    idp_entity_id: str
    subject: str | None
    emails: tuple[EmailAddress, ...] = ()
    email_received: str | None = None
    name_id_received: str | None = None
    first_name: str = ""
    last_name: str = ""
    attributes: Attributes = field(default_factory=dict)
    """As rules read them: names folded, values trimmed; see `mapping.for_rules`."""
    names_sent: tuple[str, ...] = ()
    """The names of the attributes to the letter."""
    absence_counts: bool = True
    """Whether an attribute that this person was sent before is empty when it is not sent."""
    person: str | None = None
    """An attribute that identifies a person whatever their subject is, and its value."""

    @property
    def email(self) -> EmailAddress | None:
        """The address that an account gets where it has none of those that were sent."""
        return self.emails[0] if self.emails else None


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """This workspace with this permission set, by their identifiers."""

    workspace: str
    permission_set: str


ADMINISTRATION = Grant("", "administrator")
"""What a rule gives that makes administrators: no right in a workspace."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who has this attribute value gets this grant; `matches` is a regular expression (RE2)."""

    attribute: str
    grant: Grant
    equals: str | None = None
    matches: str | None = None
    sync: Literal["", "always", "first_sign_in"] = ""
    """When it counts, where that is not when the policy's rules do."""

    @property
    def text(self) -> str:
        operator = "=" if self.matches is None else "~"
        return (
            f"{self.attribute} {operator} {self.equals if self.matches is None else self.matches}"
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A company's provisioning settings."""

    automatic: bool
    default: Grant | None
    domains: Literal["known", "verified"] | frozenset[str] = "known"
    newcomers: Literal["create", "approve"] = "create"
    existing_accounts: Literal["link", "refuse"] = "link"
    update_profile: bool = True
    sync_rules: Literal["always", "first_sign_in"] = "always"
    rules: tuple[Rule, ...] = ()
    """Those that read what a sign-in brings."""
    only_at_first: tuple[Rule, ...] = ()
    """At another sign-in, those that count at the first alone: what they gave stays."""
    group_rules: tuple[Rule, ...] = ()
    """Those that read the groups that a provisioning client keeps here: they hold at once."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands. `linked_here` says that it has a subject at this provider, and
    `subject_here` which."""

    id: str
    status: Status
    email: EmailAddress
    first_name: str = ""
    last_name: str = ""
    linked_here: bool = False
    subject_here: str = field(default="", compare=False)
    grants: frozenset[tuple[Grant, Source]] = frozenset()
    sent: frozenset[str] | None = None
    """The attributes that this provider sent for them last, of those that rules read.

    None where nobody has written it down yet.
    """
    known_as: "KnownAs | None" = field(default=None, compare=False)
    """What stands beside their subject at this provider."""
    is_managed: bool = False
    """Whether the company's provisioning client made it: who comes with its address is them."""

    def granted_by(self, source: Source) -> frozenset[Grant]:
        return frozenset(grant for grant, origin in self.grants if origin == source)


@dataclass(frozen=True, slots=True)
class KnownAs:
    """The mark of the person behind a subject, and the account that may be the same person's."""

    mark: str
    duplicate_of: str | None = None


SAME_PERSON = "same_person"
"""The case of a refusal: the person is only known by an employee number or object identifier."""
NOT_COMPARED = "-"
"""The mark of a subject that an administrator has said is not somebody else's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What provisioning must know of one company's accounts to decide about one profile."""

    jit_available: bool
    address_allowed: bool = True
    by_identity: Account | None = None
    by_emails: tuple[Account, ...] = ()
    """The accounts that have one of the addresses, each once."""
    identity_removed: bool = False
    removed_emails: frozenset[str] = frozenset()
    """Of the addresses that were sent, those that somebody had who was removed, by their keys."""
    verified_domains: frozenset[str] = frozenset()
    """Of the domains of the addresses that were sent."""
    known_domains: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    """Attributes that the provider leaves out for single people, while others are sent them."""
    person_mark: str = ""
    """The digest of `Profile.person`."""
    same_person: Account | None = None
    """The one other account for which this provider sent the same `Profile.person`.

    Where there are several, what is sent identifies nobody.
    """
    person_removed: bool = False
    """Whether somebody was removed for whom this provider sent the same."""


@dataclass(frozen=True, slots=True)
class CreateAccount:
    email: EmailAddress
    first_name: str
    last_name: str
    status: Literal["active", "pending"]


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    subject: str


@dataclass(frozen=True, slots=True)
class ActivateAccount:
    pass


@dataclass(frozen=True, slots=True)
class UpdateProfile:
    """Only what changes is set."""

    email: EmailAddress | None = None
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True, slots=True)
class Give:
    grant: Grant
    source: Source
    why: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Only ever of what a rule granted."""

    grant: Grant
    why: str


Step = CreateAccount | LinkIdentity | ActivateAccount | UpdateProfile | Give | Withdraw


@dataclass(frozen=True, slots=True)
class Note:
    """Something an administrator should know about a sign-in that was let in all the same."""

    slug: str
    value: str
    rule: str = ""
    """The rule that it is about, where it is about one."""

    @property
    def stored(self) -> dict[str, str]:
        """As a trace keeps it."""
        rule = {"rule": self.rule} if self.rule else {}
        return {"note": self.slug, "value": self.value, **rule}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sign-in shows of the attributes that rules read, by canonical name."""

    sent: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    """Absent and sent before: this person has no value of them any more."""
    held: frozenset[str] = frozenset()
    """Absent and sent before, but the provider may have stopped sending them for everybody."""
    kept: frozenset[str] | None = None
    """What to write down as sent for this person, where that has changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sign-in is going to do to accounts; without steps nothing changes."""

    outcome: Literal["created", "linked", "signed_in", "pending"]
    account: str | None
    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    account_status: Status | None = field(default=None, compare=False)
    """The account's status when the plan was made: applying it to another one is a conflict."""
    seen: Seen = field(default=Seen(), compare=False)
    known_as: KnownAs | None = field(default=None, compare=False)
    """What to write down beside the subject, where that has changed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is done: a stable reason, with what was expected and received.

    `account` is the account that was found and may not enter.
    """

    reason: str
    expected: str | None = None
    received: str | None = None
    account: str | None = field(default=None, compare=False)
    case: str = field(default="", compare=False)
    """What the reason is more closely, where there are several kinds of it."""
