"""What our guides say, typed into the real products word by word."""

from passerelle.sso.connections.guides import GUIDES, METADATA
from tests.integrations.ours import SLUG, Ours
from tests.servers.keycloak import Keycloak
from tests.servers.lemonldap import FRESH_SP, SP, LemonLDAP, console_words

LEMONLDAP_VALUES = {"On": 1, "Persistent": "persistent"}


def set_up_keycloak(keycloak: Keycloak, ours: Ours, *, imported: bool) -> None:
    """A client of its own, from our metadata file or by hand."""
    guide = GUIDES["keycloak"]
    for step in (*guide.create, guide.metadata):
        keycloak.read(step)
    if imported:
        keycloak.import_client(ours.metadata_file())
    else:
        keycloak.create_client(ours.entity_id)
    for label, value in guide.fields:
        keycloak.type(ours.entity_id, label, ours.typed(value))
    keycloak.configure_mapper(ours.entity_id, guide.groups, dict(guide.group_values))


def set_up_lemonldap(lemonldap: LemonLDAP, ours: Ours) -> None:
    """The only service provider, as the Manager would write it."""
    guide = GUIDES["lemonldap"]
    for step in (*guide.create, guide.groups, guide.assign):
        assert all(part in (*console_words().values(),) for part in step.split(" > ")), step
    options = dict(FRESH_SP)
    for label, value in guide.fields:
        if value == METADATA:
            assert label == "Metadata > Load from URL"
            metadata = ours.visitor().get(f"/auth/saml/{SLUG}/metadata").body
            lemonldap.settings["samlSPMetaDataXML"] = {SP: {"samlSPMetaDataXML": metadata}}
        else:
            options[lemonldap.option(label)] = LEMONLDAP_VALUES[value]
    groups = dict(guide.group_values)
    sent = {variable: name for name, variable in guide.attributes}
    sent[groups["Variable name"]] = groups["Attribute name"]
    lemonldap.settings["samlSPMetaDataOptions"] = {SP: options}
    lemonldap.settings["samlSPMetaDataExportedAttributes"] = {
        SP: {variable: f"0;{name};;" for variable, name in sent.items()}
    }
    lemonldap.restart()
