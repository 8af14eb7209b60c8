"""A tombstone that nothing wrote, and that nothing bound to the chain: whoever set it silenced missing events."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_event_told_once")]

    operations = [migrations.RemoveField(model_name="seal", name="tombstone")]
