"""What can be done to several people at once."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from passerelle.directory import actions
from passerelle.directory.models import User
from passerelle.web.frame.access import Acting


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can be done to several people. `idle` says for whom it changes nothing."""

    label: Promise
    what: Promise
    idle: Callable[[User], bool]
    do: Callable[[User, Acting], object]
    destroys: bool = False


def _remove(user: User, who: Acting) -> None:
    actions.remove(user, tombstone=True, **who)


VERBS: dict[str, Verb] = {
    "suspend": Verb(
        gettext_lazy("Suspend"),
        gettext_lazy("They are signed out at once and cannot sign in. Their rights are kept."),
        lambda user: user.status == "suspended",
        lambda user, who: actions.suspend(user, **who),
        destroys=True,
    ),
    "reinstate": Verb(
        gettext_lazy("Reinstate"),
        gettext_lazy("They can sign in again, with the rights that they had."),
        lambda user: user.status != "suspended",
        lambda user, who: actions.reinstate(user, **who),
    ),
    "approve": Verb(
        gettext_lazy("Approve the account"),
        gettext_lazy("They can sign in from now on."),
        lambda user: user.status != "pending",
        lambda user, who: actions.approve(user, **who),
    ),
    "sign-out": Verb(
        gettext_lazy("End every session"),
        gettext_lazy("They are signed out everywhere, and may sign in again."),
        lambda _user: False,
        lambda user, who: actions.end_sessions(user, **who),
    ),
    "remove": Verb(
        gettext_lazy("Remove"),
        gettext_lazy(
            "Their accounts, rights, identities and sessions are deleted. That cannot be undone; "
            "they are refused until somebody invites them again."
        ),
        lambda _user: False,
        _remove,
        destroys=True,
    ),
}


GIVE = "give"


def verb_choices() -> list[tuple[str, Promise]]:
    return [
        (GIVE, gettext_lazy("Give a right")),
        *((name, one.label) for name, one in VERBS.items()),
    ]
