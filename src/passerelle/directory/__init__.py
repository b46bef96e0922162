"""Who exists: companies, workspaces, permission sets, users and their memberships."""
