"""A company's provisioning settings as the value that `plan` reads."""

from uuid import UUID

from passerelle.directory.models import Company
from passerelle.infra.memory import Remembered
from passerelle.provisioning.mapping import folded
from passerelle.provisioning.model import ADMINISTRATION, GROUPS_OF_CLIENT, Grant, Policy, Rule

_policies: Remembered[UUID, Policy] = Remembered()
_names: Remembered[UUID, dict[str, str]] = Remembered()


def load_policy(company: Company) -> Policy:
    """The policy of this version of the company's settings; read once for each version."""
    return _policies.get(company.id, company.version, lambda: read_policy(company))


def load_names(company: Company) -> dict[str, str]:
    """The names of the company's workspaces and permission sets, by identifier."""
    return _names.get(company.id, company.version, lambda: _read_names(company))


def _read_names(company: Company) -> dict[str, str]:
    tables = (company.workspaces, company.permission_sets)
    return {str(one.id): one.name for table in tables for one in table.all()}


def read_policy(company: Company) -> Policy:
    """As it stands in this transaction, which may yet be taken back: nothing is remembered."""
    rules = tuple(
        Rule(
            attribute=rule.attribute,
            grant=ADMINISTRATION
            if rule.administrator
            else Grant(str(rule.workspace_id), str(rule.permission_set_id)),
            equals=rule.equals,
            matches=rule.matches,
            sync=rule.sync,  # type: ignore[arg-type]
        )
        for rule in company.rules.all()
    )
    return policy_of(company, rules)


def policy_of(company: Company, rules: tuple[Rule, ...]) -> Policy:
    """The policy in a company's row, saved or not, with these rules."""
    of_groups = tuple(rule for rule in rules if folded(rule.attribute) == GROUPS_OF_CLIENT)
    listed = company.provisioning_domains == Company.Domains.LISTED
    default = None
    if company.default_workspace_id and company.default_permission_set_id:
        default = Grant(str(company.default_workspace_id), str(company.default_permission_set_id))
    return Policy(
        automatic=company.automatic_user_provisioning,
        default=default,
        domains=(
            frozenset(company.provisioning_domain_list) if listed else company.provisioning_domains  # type: ignore[arg-type]
        ),
        newcomers=company.newcomers,  # type: ignore[arg-type]
        existing_accounts=company.existing_accounts,  # type: ignore[arg-type]
        update_profile=company.update_profile,
        sync_rules=company.sync_rules,  # type: ignore[arg-type]
        rules=tuple(rule for rule in rules if rule not in of_groups),
        group_rules=of_groups,
    )
