"""What a provisioning client (SCIM) says of a person, and what follows for their account. Pure."""

from collections.abc import Iterable

from passerelle.provisioning.email_address import EmailAddress
from passerelle.provisioning.mapping import for_rules
from passerelle.provisioning.matching import matched
from passerelle.provisioning.model import (
    GROUPS_OF_CLIENT,
    Account,
    CreateAccount,
    Grant,
    Plan,
    Policy,
    Step,
    UpdateProfile,
)


def plan_person(
    address: EmailAddress, first_name: str | None, last_name: str | None, account: Account | None
) -> Plan:
    """The client owns who there is: an account is made, or follows what it says."""
    if account is None:
        create = CreateAccount(address, first_name or "", last_name or "", "active")
        return Plan("created", None, (create,))
    update = UpdateProfile(
        address if address != account.email else None,
        first_name if first_name != account.first_name else None,
        last_name if last_name != account.last_name else None,
    )
    steps: tuple[Step, ...] = () if update == UpdateProfile() else (update,)
    return Plan("signed_in", account.id, steps, account_status=account.status)


def rights_of_groups(
    groups: Iterable[str], policy: Policy, *, is_managed: bool
) -> dict[Grant, str]:
    """What somebody in these groups has by them, and why.

    Whom the client looks after and no rule gives anything has the default.
    """
    found = matched(for_rules({GROUPS_OF_CLIENT: tuple(groups)}), policy.group_rules)
    if not found and is_managed and policy.default is not None:
        return {policy.default: "default"}
    return found
