"""Tasks: the queue, the wizard, one task with its results, steering, the panel at the foot of every page."""

from personalization.views.tasks.pages import task, task_list
from personalization.views.tasks.panel import task_panel
from personalization.views.tasks.steering import cancel, pause, resume, retry, start, undo
from personalization.views.tasks.wizard import task_new, task_submit

__all__ = [
    "cancel",
    "pause",
    "resume",
    "retry",
    "start",
    "task",
    "task_list",
    "task_new",
    "task_panel",
    "task_submit",
    "undo",
]
