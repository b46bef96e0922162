from django.db import migrations


def let_the_oldest_hold(apps, schema_editor):
    """Where the holder was deleted while several migrated, nobody held the provider."""
    connections = apps.get_model("sso", "SamlConnection").objects
    for row in connections.exclude(migrating_since=None).order_by("migrating_since", "id"):
        same = connections.filter(company_id=row.company_id, idp_entity_id=row.idp_entity_id)
        if not same.filter(migrating_since=None).exists():
            connections.filter(id=row.id).update(migrating_since=None)


class Migration(migrations.Migration):

    dependencies = [
        ("sso", "0014_links_have_a_maker"),
    ]

    operations = [
        migrations.RunPython(let_the_oldest_hold, migrations.RunPython.noop),
    ]
