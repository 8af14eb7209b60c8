"""Addresses of personalization."""

from django.urls import path

from personalization.views import backups, device_api, home, panel, persona, summary, tasks, users

app_name = "personalization"
urlpatterns = [
    path("", home.home, name="home"),
    path("users/", users.user_list, name="user-list"),
    path("users/<uuid:pk>/", users.user, name="user"),
    path("users/<uuid:pk>/back-up/", backups.back_up, name="back-up"),
    path("users/<uuid:pk>/settings/<uuid:profile>/", users.profile, name="profile"),
    path(
        "users/<uuid:pk>/settings/<uuid:profile>/delete-unprotected/",
        backups.delete_unprotected,
        name="backups-delete-unprotected",
    ),
    path("backups/<uuid:pk>/restore/", backups.restore, name="backup-restore"),
    path("backups/<uuid:pk>/undo/", backups.undo, name="change-undo"),
    path("backups/<uuid:pk>/protect/", backups.protect, name="backup-protect"),
    path("backups/<uuid:pk>/unprotect/", backups.unprotect, name="backup-unprotect"),
    path("backups/<uuid:pk>/delete/", backups.delete, name="backup-delete"),
    path("backups/<uuid:pk>/bring-back/", backups.bring_back, name="backup-bring-back"),
    path("summary/", summary.summary, name="summary"),
    path("summary/count/", summary.count_now, name="summary-count"),
    path("tasks/", tasks.task_list, name="task-list"),
    path("tasks/panel/", tasks.task_panel, name="task-panel"),
    path("tasks/new/", tasks.task_new, name="task-new"),
    path("tasks/submit/", tasks.task_submit, name="task-submit"),
    path("tasks/<uuid:pk>/", tasks.task, name="task"),
    path("tasks/<uuid:pk>/pause/", tasks.pause, name="task-pause"),
    path("tasks/<uuid:pk>/resume/", tasks.resume, name="task-resume"),
    path("tasks/<uuid:pk>/start/", tasks.start, name="task-start"),
    path("tasks/<uuid:pk>/cancel/", tasks.cancel, name="task-cancel"),
    path("tasks/<uuid:pk>/retry/", tasks.retry, name="task-retry"),
    path("tasks/<uuid:pk>/undo/", tasks.undo, name="task-undo"),
    path("devices/sign-in/", device_api.sign_in, name="device-sign-in"),
    path("devices/panel/", device_api.active_panel, name="device-active-panel"),
    path("devices/panels/", device_api.panels, name="device-panel-list"),
    path("devices/panels/<uuid:pk>/", device_api.panel, name="device-panel"),
    path("devices/panels/<uuid:pk>/activate/", device_api.activate, name="device-panel-activate"),
]
persona_patterns = [  # of the account: config.urls puts them outside every tenant
    path("", persona.panel_list, name="panel-list"),
    path("add/", persona.panel_add, name="panel-add"),
    path("import/", persona.panel_import, name="panel-import"),
    path("bring-back/", persona.panel_bring_back, name="panel-bring-back"),
    path("schema.json", persona.panel_schema, name="panel-schema"),
    path("<uuid:pk>/", panel.panel, name="panel"),
    path("<uuid:pk>/rename/", persona.panel_rename, name="panel-rename"),
    path("<uuid:pk>/activate/", persona.panel_activate, name="panel-activate"),
    path("<uuid:pk>/deactivate/", persona.panel_deactivate, name="panel-deactivate"),
    path("<uuid:pk>/delete/", persona.panel_delete, name="panel-delete"),
    path("<uuid:pk>/export/", persona.panel_export, name="panel-export"),
]
