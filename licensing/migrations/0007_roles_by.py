"""An invitation keeps which account gave its roles: nobody accepts a role that is of their own giving (decision 20)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("licensing", "0006_blocks_by_admin")]

    operations = [
        migrations.AddField(
            model_name="licensegroupmember", name="roles_by", field=models.UUIDField(blank=True, null=True)
        ),
    ]
