"""Addresses of roles."""

from django.urls import path

from roles.views import adding, entries, why

app_name = "roles"
urlpatterns = [
    path("user-roles/", entries.entry_list, name="entry-list"),
    path("user-roles/add/", adding.entry_add, name="entry-add"),
    path("user-roles/add/browse/", adding.entry_browse, name="entry-browse"),
    path("user-roles/add/role/", adding.entry_create, name="entry-create"),
    path("user-roles/edit/", entries.entries_edit, name="entries-edit"),
    path("user-roles/remove/", entries.entries_remove, name="entries-remove"),
    path("user-roles/why/", why.why, name="why"),
    path("user-roles/<uuid:pk>/", entries.entry_edit, name="entry"),
    path("user-roles/<uuid:pk>/remove/", entries.entry_remove, name="entry-remove"),
]
