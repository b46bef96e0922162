"""What is asked before an account is changed, and said afterwards."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, gettext_noop

LAST_WAY_BACK = gettext_lazy(
    "Nobody could look after the company any more: no administrator would be left who can sign in, "
    "or none with a password that counts, for when single sign-on fails. Give somebody else "
    "emergency access first: they choose a password then."
)
LAST_ADMINISTRATOR = gettext_lazy(
    "This is the last active administrator: make somebody else one first."
)
DONE = {
    "merge": gettext_lazy("The two accounts are one now."),
    "apart": gettext_lazy("Noted: these are two different people."),
    "invited": gettext_lazy("The account waits for its activation. Hand the link below over."),
    "suspend": gettext_lazy("The account is suspended, and its sessions have ended."),
    "demote": gettext_lazy("This person is no administrator any more."),
    "replace-password": gettext_lazy(
        "The password does not work any more. Hand the link below over: by it they choose another."
    ),
    "reinstate": gettext_lazy("The account is active again."),
    "approve": gettext_lazy("The account is approved."),
    "promote": gettext_lazy("This person is an administrator now."),
    "unlink": gettext_lazy("The identity is removed, and the sessions it opened have ended."),
    "sign-out": gettext_lazy(
        "Every session of this person has ended, and remembered browsers are forgotten."
    ),
    "end-session": gettext_lazy("This session has ended."),
    "break-glass": gettext_lazy("Changed: see “Ways to sign in” below."),
    "no-password": gettext_lazy("This takes a password: hand the link below over."),
    "test-sso": gettext_lazy("Changed: see “Ways to sign in” below."),
    "reset-factor": gettext_lazy(
        "App, codes and passkeys are taken away, and every session has ended."
    ),
    "remove-password": gettext_lazy("The password is taken away, and every session has ended."),
    "give": gettext_lazy("The right was given."),
    "withdraw": gettext_lazy("The right was withdrawn."),
}
ASKED: dict[str, tuple[str, Promise, Promise]] = {
    "suspend": (
        gettext_noop("Suspend %(email)s?"),
        gettext_lazy(
            "They are signed out at once and cannot sign in again until somebody reinstates them. "
            "Their rights are kept."
        ),
        gettext_lazy("Suspend"),
    ),
    "remove": (
        gettext_noop("Remove %(email)s?"),
        gettext_lazy(
            "The account, its rights, its identities and its sessions are deleted. That cannot be "
            "undone. The audit log keeps what happened."
        ),
        gettext_lazy("Remove"),
    ),
    "promote": (
        gettext_noop("Make %(email)s an administrator?"),
        gettext_lazy(
            "They will be able to do all that you can: manage users, rights and security, and make "
            "or unmake administrators, you among them."
        ),
        gettext_lazy("Make administrator"),
    ),
    "demote": (
        gettext_noop("Take administration away from %(email)s?"),
        gettext_lazy("They keep their account and their rights in workspaces."),
        gettext_lazy("Take administration away"),
    ),
    "remove-password": (
        gettext_noop("Take the password of %(email)s away?"),
        gettext_lazy(
            "They enter by single sign-on only. Their passkeys go as well, and every session ends."
        ),
        gettext_lazy("Take the password away"),
    ),
    "replace-password": (
        gettext_noop("Let %(email)s choose another password?"),
        gettext_lazy(
            "The password stops working at once, every session ends, and passkeys go. You get a "
            "link to hand over, good for seven days and one use; whoever has it becomes this user."
        ),
        gettext_lazy("End the password and make a link"),
    ),
    "unlink": (
        gettext_noop("Remove this identity of %(email)s?"),
        gettext_lazy(
            "The account and its rights stay; sessions that this identity opened end. At the next "
            "sign-in through the identity provider the account is linked by its e-mail address, if "
            "your settings allow that; otherwise the person is refused."
        ),
        gettext_lazy("Remove the identity"),
    ),
    "reset-factor": (
        gettext_noop("Take the second factor of %(email)s away?"),
        gettext_lazy(
            "For somebody who has lost their device. Their app, recovery codes and passkeys stop "
            "working and every session ends; with the next password they set up an app again where "
            "your company requires one."
        ),
        gettext_lazy("Take app, codes and passkeys away"),
    ),
}
