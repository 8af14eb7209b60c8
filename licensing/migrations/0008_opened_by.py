"""Who opened a way into the role User is kept: on it nobody becomes User themselves (decision 20)."""

from django.db import migrations, models


def account():
    return models.UUIDField(blank=True, null=True)


class Migration(migrations.Migration):
    dependencies = [("licensing", "0007_roles_by")]

    operations = [
        migrations.AddField(model_name="licensegroup", name="assigns_by", field=account()),
        migrations.AddField(model_name="groupdomain", name="asked_by", field=account()),
        migrations.AddField(model_name="device", name="key_by", field=account()),
    ]
