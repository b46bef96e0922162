"""What somebody who sets a product up should know of it, beyond what to type where.

The slugs are those of `guides`. Labels in quotes stay as the console ships them.
"""

from dataclasses import dataclass


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop

_NOTHING_HAPPENS = _(
    "Disabling somebody there stops their next sign-in. A session that is open here goes on until "
    "it ends: to end it at once, open the person's page under “Users” and press “End every "
    "session, forget browsers”. How long unused sessions last is set under “Authentication rules”."
)
_BY_NAME = _("Groups are sent by name: when a group is renamed there, change its rule here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """Of one product: who a person is, what signing out does, how groups come, what stays open."""

    identifier: str
    logout: str
    groups: str = _BY_NAME
    sessions: str = _NOTHING_HAPPENS


SENTENCES: dict[str, Sentences] = {
    "okta": Sentences(
        identifier=_(
            "Okta's own user ID never changes. With the e-mail address in its place, somebody "
            "whose address changes would arrive here as somebody new."
        ),
        logout=_(
            "Under “Show Advanced Settings”, first upload our own certificate, which stands in our "
            "metadata, as “Signature Certificate”; then tick “Allow application to initiate Single "
            "Logout”. Signing out here then ends the session at Okta too. Signing out at Okta does "
            "not end the session here, unless your Okta has front-channel single logout."
        ),
        groups=_(
            "All groups match this filter: narrow it if people are in many. Groups are sent by "
            "name: when a group is renamed there, change its rule here."
        ),
    ),
    "entra": Sentences(
        identifier=_(
            "The object ID never changes. By default Entra ID sends the user principal name, which "
            "can change: the person would then arrive here as somebody new."
        ),
        logout=_(
            "Entra ID exchanges logout messages by redirect only, so leave “How logout messages "
            "travel” at HTTP-Redirect. Try it once in both directions before you rely on it."
        ),
        groups=_(
            "Leave the name of the claim as it is: it is understood. Groups come as object IDs, so "
            "write those into the rules. With more than 150 groups for one person, Entra ID sends "
            "none: “Groups assigned to the application” keeps them few, but leaves out nested ones."
        ),
    ),
    "google": Sentences(
        identifier=_(
            "Google sends the primary e-mail address, which can change: the person then arrives "
            "here as somebody new, and the old account keeps its rights. Remove that one under "
            "“Users”. If a custom attribute of your directory holds a value that stays the same, "
            "choose it as “Name ID”, with the format UNSPECIFIED."
        ),
        logout=_(
            "Google Workspace has no single logout, so our logout address goes nowhere. Signing "
            "out here ends the session here only: while people are signed in at Google, one click "
            "brings them back in."
        ),
        groups=_(
            "Google sends only the groups that you choose there, at most 75, by name. When a group "
            "is renamed, choose it there again and change its rule here."
        ),
    ),
    "adfs": Sentences(
        identifier=_(
            "Type “objectGUID” into the column of LDAP attributes: it never changes. An e-mail "
            "address or a user name can, and the person would arrive here as somebody new."
        ),
        logout=_(
            "AD FS reads the logout address from our metadata. Add it yourself only to a trust "
            "that you made by hand; such a trust also needs our own certificate under “Signature”, "
            "since AD FS refuses logout messages that it cannot verify."
        ),
        groups=_(
            "The claim “Group” is understood. Groups are sent by name: when a group is renamed "
            "there, change its rule here."
        ),
    ),
    "keycloak": Sentences(
        identifier=_(
            "With the format persistent, Keycloak makes an identifier of its own for each person, "
            "which never changes. An e-mail address can, and the person would arrive here as "
            "somebody new. Somebody who is deleted there and made anew gets another identifier, "
            "and is refused here until an administrator replaces the known one."
        ),
        logout=_(
            "Never type our ACS URL as “Master SAML Processing URL”: Keycloak would send logout "
            "messages there too. With “Logout settings > Front channel logout” on, signing out at "
            "Keycloak ends the session here through the person's browser, but an administrator's "
            "“Sign out” under “Sessions” does not reach us. Off, Keycloak tells us by itself in "
            "both cases, if it can reach our address."
        ),
        groups=_(
            "Groups are sent by name: when a group is renamed there, change its rule here. With "
            "“Full group path” on, a group arrives as “/analysts”, and the rule has to say so."
        ),
    ),
    "lemonldap": Sentences(
        identifier=_(
            "With the format persistent, LemonLDAP::NG makes an identifier of its own for each "
            "person and keeps it in its persistent sessions. Where those are lost, everybody gets "
            "another one, and is refused here until an administrator replaces the known ones. To "
            "use an attribute of your directory that never changes instead, enter its name as "
            "“Force NameID session key”."
        ),
        logout=_(
            "Our metadata names the logout address. Signing out at the portal ends the session "
            "here as well, through the person's browser, and signing out here the one at the "
            "portal."
        ),
        groups=_(
            "All groups that the portal knows of the person are sent, by name: when a group is "
            "renamed there, change its rule here."
        ),
    ),
    "onelogin": Sentences(
        identifier=_(
            "The OneLogin ID never changes. With the e-mail address in its place, somebody whose "
            "address changes would arrive here as somebody new."
        ),
        logout=_(
            "Tick “Sign SLO Request” and “Sign SLO Response”: logout messages without a signature "
            "are refused here."
        ),
        groups=_(
            "Tick “Include in SAML assertion”, and choose as its value what your rules are about. "
            "Groups are sent by name: when a group is renamed there, change its rule here."
        ),
    ),
    "ping": Sentences(
        identifier=_(
            "The user ID never changes. A user name or an e-mail address can, and the person would "
            "arrive here as somebody new."
        ),
        logout=_(
            "Both fields take the same address. PingOne checks the signature of logout messages: "
            "give it our own certificate, which stands in our metadata."
        ),
    ),
    "jumpcloud": Sentences(
        identifier=_(
            "JumpCloud offers nothing as NameID that never changes. When an e-mail address changes "
            "there, the person arrives here as somebody new, and the old account keeps its rights. "
            "Remove that one under “Users”. If a custom attribute holds a value that stays the "
            "same, send it too, and enter its name under Security settings, “Attribute that "
            "identifies a person”."
        ),
        logout=_(
            "JumpCloud has no single logout, so our logout address goes nowhere. Signing out here "
            "ends the session here only: while people are signed in at JumpCloud, one click brings "
            "them back in."
        ),
    ),
}
