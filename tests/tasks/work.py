"""Submit a task as a member would, work it off, read it."""

from personalization import runner
from personalization.actions import tasks as actions
from personalization.actions.tasks import Operation, Targets
from personalization.models import Task
from tests import factories


def submit(world, member, verb="restore-latest", *, groups=None, name="Roll-out"):
    by = factories.actor(member)
    with world.context():
        return actions.submit_task(
            tenant_id=world.pk,
            name=name,
            operations=[Operation(verb, ("application", "windows"))],
            targets=Targets(groups=tuple(groups if groups is not None else [world.finance])),
            by=by,
        )


def run(world):
    return runner.run_tenant(world.pk)


def read(world, task):
    with world.context():
        return Task.objects.get(pk=task.pk)
