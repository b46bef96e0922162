from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('directory', '0011_applications_for_several_workspaces'),
        ('oidc', '0001_applications'),
        ('sso', '0016_applications'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(fields=('company', 'id'), name='grant_of_company'),
        ),
    ]
