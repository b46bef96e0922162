"""The permissions that sets choose from when the file declares none."""

DEFAULT_PERMISSIONS = (
    ("dashboards.view", "View dashboards", "Consulter les tableaux de bord"),
    ("dashboards.edit", "Edit dashboards", "Modifier les tableaux de bord"),
    ("reports.view", "View reports", "Consulter les rapports"),
    ("reports.export", "Export reports", "Exporter les rapports"),
    ("members.view", "View members", "Consulter les membres"),
    ("members.manage", "Manage members", "Gérer les membres"),
)
