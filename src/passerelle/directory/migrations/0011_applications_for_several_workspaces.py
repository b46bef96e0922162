from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("directory", "0010_applications_with_roles"),
    ]

    operations = [
        # In a step of its own: PostgreSQL changes no table with rows that it has yet to look at.
        migrations.RemoveField(model_name="application", name="workspace"),
        migrations.AddField(
            model_name="application",
            name="workspaces",
            field=models.ManyToManyField(
                related_name="applications",
                through="directory.ApplicationWorkspace",
                to="directory.workspace",
            ),
        ),
    ]
