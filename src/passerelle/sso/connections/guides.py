"""How to set up each product: where to go, what to type where, in that console's own words.

A console's labels stay as it ships them; the sentences around them are translated.
"""

from dataclasses import dataclass
from datetime import date


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop

ACS, ENTITY_ID, METADATA, LOGOUT = "acs_url", "sp_entity_id", "metadata_url", "logout_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """One product. `fields` and `attributes` pair a label of the console with what belongs there.

    A field's value is the name of one of our addresses, or text as it is; an attribute's is what
    the console offers to send, under the name that we read.
    """

    name: str
    create: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...] = ()
    groups: str = ""
    group_values: tuple[tuple[str, str], ...] = ()
    """What is typed there."""
    assign: str
    metadata: str
    has_address: bool = True
    """Whether its metadata can be read at an address."""
    checked: date | None = None
    """When all of this was last compared with the product's own documentation, if it was found."""
    pages: tuple[str, ...] = ()
    """The titles of what was read then."""


_CHECKED = date(2026, 11, 30)


GUIDES: dict[str, Guide] = {
    "okta": Guide(
        name="Okta",
        create=(
            "Applications > Applications > Create App Integration",
            "SAML 2.0 > Next",
            "General Settings > App name > Next",
        ),
        fields=(
            ("Single sign-on URL", ACS),
            ("Audience URI (SP Entity ID)", ENTITY_ID),
            ("Name ID format", "Persistent"),
            ("Application username > Custom", 'user.getInternalProperty("id")'),
            ("Single Logout URL", LOGOUT),
            ("SP Issuer", ENTITY_ID),
        ),
        attributes=(
            ("email", "user.email"),
            ("firstName", "user.firstName"),
            ("lastName", "user.lastName"),
        ),
        groups="Group Attribute Statements",
        group_values=(("Name", "groups"), ("Filter", "Matches regex .*")),
        assign="Assignments > Assign",
        metadata="Sign On > Metadata URL > Copy",
        checked=_CHECKED,
        pages=(
            "Application Integration Wizard SAML field reference",
            "Configure Single Logout in app integrations",
            "Define group attribute statements",
        ),
    ),
    "entra": Guide(
        name="Microsoft Entra ID",
        create=(
            "Enterprise applications > New application > Create your own application",
            "Integrate any other application you don't find in the gallery (Non-gallery)",
            "Single sign-on > SAML > Basic SAML Configuration > Edit",
        ),
        fields=(
            ("Identifier (Entity ID)", ENTITY_ID),
            ("Reply URL (Assertion Consumer Service URL)", ACS),
            ("Logout URL", LOGOUT),
            (
                "Attributes & Claims > Unique User Identifier (Name ID) > Source attribute",
                "user.objectid",
            ),
            ("Choose name identifier format", "Persistent"),
        ),
        groups="Attributes & Claims > Add a group claim",
        group_values=(
            (
                "Which groups associated with the user should be returned in the claim?",
                "Groups assigned to the application",
            ),
            ("Source attribute", "Group ID"),
        ),
        assign="Users and groups > Add user/group",
        metadata="SAML Certificates > App Federation Metadata Url",
        checked=_CHECKED,
        pages=(
            "Enable single sign-on for an enterprise application",
            "Customize SAML token claims",
            "Single Sign-Out SAML Protocol",
            "Configure group claims for applications by using Microsoft Entra ID",
        ),
    ),
    "google": Guide(
        name="Google Workspace",
        create=(
            "Apps > Web and mobile apps > Add app > Add custom SAML app",
            "App details > App name > Continue",
            "Google Identity Provider details > Option 1: Download IdP metadata > Continue",
        ),
        fields=(
            ("ACS URL", ACS),
            ("Entity ID", ENTITY_ID),
            ("Name ID format", "EMAIL"),
            ("Name ID", "Basic Information > Primary email"),
        ),
        attributes=(
            ("email", "Basic Information > Primary email"),
            ("firstName", "Basic Information > First name"),
            ("lastName", "Basic Information > Last name"),
        ),
        groups="Group membership (optional)",
        group_values=(("App attribute", "groups"),),
        assign="User access > ON for everyone",
        metadata="Download metadata",
        has_address=False,
        checked=_CHECKED,
        pages=("Set up your own custom SAML app", "About group membership mapping"),
    ),
    "adfs": Guide(
        name="AD FS",
        create=(
            "AD FS Management > Relying Party Trusts > Add Relying Party Trust…",
            "Claims aware > Start",
            "Import data about the relying party published online or on a local network",
        ),
        fields=(
            ("Federation metadata address (host name or URL)", METADATA),
            ("Endpoints > Add SAML… > SAML Logout", LOGOUT),
        ),
        attributes=(
            ("Name ID", "objectGUID"),
            ("E-Mail Address", "E-Mail-Addresses"),
            ("Given Name", "Given-Name"),
            ("Surname", "Surname"),
        ),
        groups="Edit Claim Issuance Policy… > Add Rule… > Send LDAP Attributes as Claims",
        group_values=(
            ("LDAP Attribute", "Token-Groups - Unqualified Names"),
            ("Outgoing Claim Type", "Group"),
        ),
        assign="Edit Access Control Policy…",
        metadata="https://(your server)/FederationMetadata/2007-06/FederationMetadata.xml",
        checked=_CHECKED,
        pages=(
            "Create a Relying Party Trust",
            "Create a Rule to Send LDAP Attributes as Claims",
            "New-AdfsSamlEndpoint",
        ),
    ),
    "keycloak": Guide(
        name="Keycloak",
        create=(
            "Clients > Import client",
            "Resource file > Browse",
            "Save",
        ),
        fields=(
            ("Settings > Client ID", ENTITY_ID),
            ("Settings > Valid redirect URIs", ACS),
            ("Settings > IDP-Initiated SSO URL name", "passerelle"),
            ("Settings > Name ID format", "persistent"),
            ("Keys > Client signature required", "On"),
            ("Settings > Use metadata descriptor URL", "On"),
            ("Settings > Metadata descriptor URL", METADATA),
            ("Advanced > Assertion Consumer Service POST Binding URL", ACS),
            ("Advanced > Logout Service POST Binding URL", LOGOUT),
            ("Advanced > Logout Service Redirect Binding URL", LOGOUT),
            (
                "Client scopes > (client)-dedicated > Add predefined mapper",
                "X500 email, X500 givenName, X500 surname",
            ),
        ),
        groups="Client scopes > (client)-dedicated > Add mapper > By configuration > Group list",
        group_values=(
            ("Name", "groups"),
            ("Group attribute name", "groups"),
            ("Full group path", "Off"),
        ),
        assign="",
        metadata="Realm settings > General > SAML 2.0 Identity Provider Metadata",
        checked=_CHECKED,
        pages=("Messages of the administration console, 26.5.0",),
    ),
    "lemonldap": Guide(
        name="LemonLDAP::NG",
        create=(
            "General Parameters > Issuer modules > SAML > Activation > On",
            "SAML2 Service > Security parameters > Signature > New certificate",
            "SAML Service Providers > Add SAML SP",
        ),
        fields=(
            ("Metadata > Load from URL", METADATA),
            ("Options > Authentication response > Default NameID format", "Persistent"),
            ("Options > Security > Enable use of IDP initiated URL", "On"),
        ),
        attributes=(("email", "mail"), ("firstName", "givenName"), ("lastName", "sn")),
        groups="Exported attributes > Add attribute",
        group_values=(("Variable name", "groups"), ("Attribute name", "groups")),
        assign="Options > Security > Access rule",
        metadata="https://(your portal)/saml/metadata",
        checked=_CHECKED,
        pages=("Messages of the Manager, 2.16.1",),
    ),
    "onelogin": Guide(
        name="OneLogin",
        create=(
            "Applications > Applications > Add App",
            "SAML Custom Connector (Advanced) > Save",
            "Configuration",
        ),
        fields=(
            ("Audience (EntityID)", ENTITY_ID),
            ("Recipient", ACS),
            ("ACS (Consumer) URL Validator", ACS),
            ("ACS (Consumer) URL", ACS),
            ("Single Logout URL", LOGOUT),
            ("SAML nameID format", "Persistent"),
        ),
        attributes=(
            ("NameID value", "OneLogin ID"),
            ("email", "Email"),
            ("firstName", "First Name"),
            ("lastName", "Last Name"),
        ),
        groups="Parameters > +",
        group_values=(("Field name", "groups"),),
        assign="Access > Roles",
        metadata="More Actions > SAML Metadata",
    ),
    "ping": Guide(
        name="PingOne",
        create=(
            "Applications > Applications > +",
            "SAML Application > Configure",
            "Manually Enter",
        ),
        fields=(
            ("ACS URLs", ACS),
            ("Entity ID", ENTITY_ID),
            ("SLO Endpoint", LOGOUT),
            ("SLO Response Endpoint", LOGOUT),
            ("Subject NameID Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
        ),
        attributes=(
            ("saml_subject", "User ID"),
            ("email", "Email Address"),
            ("firstName", "Given Name"),
            ("lastName", "Family Name"),
        ),
        groups="Attribute Mappings > Add",
        group_values=(("groups", "Group Names"),),
        assign="Access",
        metadata="Configuration > IDP Metadata URL",
        checked=_CHECKED,
        pages=(
            "Configuring a SAML application in PingOne",
            "Editing an application - SAML",
            "Mapping attributes",
        ),
    ),
    "jumpcloud": Guide(
        name="JumpCloud",
        create=(
            "User Authentication > SSO Applications > + Add New Application",
            "Custom Application > Manage Single Sign-On (SSO) > Configure SSO with SAML",
            "SSO",
        ),
        fields=(
            ("IdP Entity ID", "JumpCloud"),
            ("SP Entity ID", ENTITY_ID),
            ("ACS URLs", ACS),
            ("SAMLSubject NameID", "email"),
            (
                "SAMLSubject NameID Format",
                "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            ),
        ),
        attributes=(("email", "email"), ("firstName", "firstname"), ("lastName", "lastname")),
        groups="Group Attributes > include group attribute",
        group_values=(("Groups Attribute Name", "groups"),),
        assign="User Groups",
        metadata="JumpCloud Metadata > Copy Metadata URL",
        checked=_CHECKED,
        pages=(
            "SSO using Custom SAML Application Connectors",
            "SSO Application Connector Fields",
            "SAML Attribute Notes",
        ),
    ),
    "simplesamlphp": Guide(
        name="SimpleSAMLphp",
        create=(),
        fields=(
            ("Metadata URL", METADATA),
            ("$metadata['…']", ENTITY_ID),
            ("AssertionConsumerService", ACS),
            ("SingleLogoutService", LOGOUT),
        ),
        assign="",
        metadata="https://(your server)/…/saml2/idp/metadata.php",
    ),
    "other": Guide(
        name="SAML 2.0",
        create=(),
        fields=(
            ("Metadata URL", METADATA),
            ("ACS URL", ACS),
            ("Entity ID", ENTITY_ID),
            ("Single logout URL", LOGOUT),
        ),
        assign="",
        metadata="",
    ),
}
"""By the slug that a connection keeps as its `product`."""

HINTS: dict[str, str] = {
    "okta": _("Leave “Default RelayState” empty, and keep the box for Recipient and Destination."),
    "entra": _(
        "Leave “Sign on URL” empty: with one, people see a password field. The usual claims are "
        "sent and understood without doing anything."
    ),
    "google": _(
        "Google has no metadata address: download the file, and upload it in step 3. A change can "
        "take some minutes, at most a day, until it applies."
    ),
    "adfs": _(
        "Then “Edit Claim Issuance Policy…”, “Add Rule…”, “Send LDAP Attributes as Claims”, with "
        "the store “Active Directory”."
    ),
    "keycloak": _(
        "“Resource file” is our metadata: download it below. It fills in all of this but “IDP-"
        "Initiated SSO URL name”, “Client signature required”, “Use metadata descriptor URL” with "
        "its address, and the mappers. "
        "Without the file: “Clients > Create client”, the client type SAML, and all of these. "
        "Everybody in the realm may then sign in. What Keycloak says by itself: “Invalid Request” "
        "is about “Client ID”, “Invalid redirect uri” about “Valid redirect URIs”, “Invalid "
        "requester” about our certificate, which it reads at the address of our metadata."
    ),
    "lemonldap": _(
        "Attributes are under “Exported attributes > Add attribute”: what stands under Value is "
        "the “Variable name”, as your portal calls it under “Exported variables”. The access rule "
        "says who may sign in; without one, everybody may."
    ),
    "onelogin": _(
        "Attributes are under “Parameters”: tick “Include in SAML assertion” for each of them."
    ),
    "ping": _("Switch the application on with the toggle at its top right."),
    "jumpcloud": _(
        "Tick “Declare Redirect Endpoint” and activate the application before copying the metadata."
    ),
    "simplesamlphp": _(
        "Add an entry with these values to metadata/saml20-sp-remote.php, or convert our metadata, "
        "as the file that you can download below, under “Federation > XML to SimpleSAMLphp "
        "metadata converter”. Send “mail”, “givenName” and “sn”."
    ),
    "other": _(
        "If it reads metadata, give it the metadata address; it holds the others. Send the "
        "person's e-mail address as “email”, the names as “firstName” and “lastName”, and a NameID "
        "that stays the same."
    ),
}
