"""Walls between companies: no row can point at a row of another company."""

from django.db import migrations

from passerelle.directory.walls import TenantWall

USERS, WORKSPACES = "directory_user", "directory_workspace"
PERMISSION_SETS, CONNECTIONS = "directory_permissionset", "sso_samlconnection"


class Migration(migrations.Migration):
    dependencies = [("sso", "0001_initial"), ("directory", "0002_initial")]

    operations = [
        TenantWall("directory_company", "default_workspace_id", WORKSPACES, "id"),
        TenantWall("directory_company", "default_permission_set_id", PERMISSION_SETS, "id"),
        TenantWall("directory_membership", "user_id", USERS),
        TenantWall("directory_membership", "workspace_id", WORKSPACES),
        TenantWall("directory_membership", "permission_set_id", PERMISSION_SETS),
        TenantWall("directory_provisioningrule", "workspace_id", WORKSPACES),
        TenantWall("directory_provisioningrule", "permission_set_id", PERMISSION_SETS),
        TenantWall("directory_externalidentity", "user_id", USERS),
        TenantWall("directory_externalidentity", "connection_id", CONNECTIONS),
        TenantWall("sso_signingcertificate", "connection_id", CONNECTIONS),
        TenantWall("sso_authnrequest", "connection_id", CONNECTIONS),
        TenantWall("sso_consumedassertion", "connection_id", CONNECTIONS),
        TenantWall("sso_pendingsignin", "connection_id", CONNECTIONS),
        TenantWall("sso_signin", "connection_id", CONNECTIONS),
        TenantWall("sso_signin", "user_id", USERS),
        TenantWall("sso_session", "connection_id", CONNECTIONS),
        TenantWall("sso_session", "user_id", USERS),
    ]
