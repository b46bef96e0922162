"""Names of workspaces, permission sets and applications: what can be one."""

from django.utils.translation import gettext as _

MAX_NAME = 150


def name_problem(name: str) -> str:
    """Why this cannot be a name, or nothing."""
    if not name:
        return _("Enter a name.")
    if len(name) > MAX_NAME:
        return _("Enter a name of at most %(count)s characters.") % {"count": MAX_NAME}
    return ""
