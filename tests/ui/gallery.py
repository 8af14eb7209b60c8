"""A site that shows every component once: a table of things, its list, dialogs and forms."""

from datetime import timedelta
from types import SimpleNamespace

import django_filters
from django import forms
from django.contrib.messages import get_messages
from django.db import models
from django.urls import path
from django.utils import timezone
from django.utils.translation import ngettext_lazy

from config.errors import Conflict, Refused
from config.identifiers import uuid7
from config.ui import responses, views
from config.ui.lists import BulkAction, Column, Listing, RowAction, list_page
from config.ui.selection import read_selection

TABLE = """
CREATE SCHEMA IF NOT EXISTS ui_tests;
CREATE TABLE IF NOT EXISTS ui_tests.thing (
    id uuid PRIMARY KEY, login text COLLATE "C" NOT NULL, name text NOT NULL, groups text[] NOT NULL DEFAULT '{}',
    size bigint NOT NULL, rank integer NOT NULL, state text NOT NULL, saved_at timestamptz, born date
);
GRANT USAGE ON SCHEMA ui_tests TO PUBLIC;
GRANT ALL ON ui_tests.thing TO PUBLIC;
"""


class Thing(models.Model):
    """A row of the gallery; its table lies in a schema of its own."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    login = models.TextField()
    name = models.TextField(default="Alice Adler")
    size = models.BigIntegerField(default=0)
    rank = models.IntegerField(default=0)
    state = models.TextField(default="ok")
    saved_at = models.DateTimeField(null=True)
    born = models.DateField(null=True)

    class Meta:
        app_label = "ui_gallery"
        managed = False
        db_table = 'ui_tests"."thing'


class ThingFilter(django_filters.FilterSet):
    """Three kinds of input."""

    q = django_filters.CharFilter(
        field_name="login",
        lookup_expr="startswith",
        label="Name starts with",
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    state = django_filters.ChoiceFilter(
        label="State", choices=[("ok", "Up to date"), ("late", "Late")], empty_label="Any"
    )
    rank = django_filters.NumberFilter(label="Rank")

    class Meta:
        model = Thing
        fields: list[str] = []


class ThingList(Listing):
    """Every kind of column, action and link."""

    name = "things"
    caption = "Managed users"
    counted = ngettext_lazy("%(shown)s user", "%(shown)s users", "count")
    columns = (
        Column("login", "User", sort=True),
        Column("name", "Name"),
        Column("state", "State", kind="status", choices={"ok": ("ok", "Up to date"), "late": ("warning", "Late")}),
        Column("rank", "Rank", kind="number", sort=("rank",)),
        Column("size", "Size", kind="size", sort=("size", "login")),
        Column("saved_at", "Last save", kind="time", sort=True),
        Column("born", "Born", kind="date", sort=True, nulls="first"),
        Column("own", "Own", fields=("rank",), cell=lambda value, row: f"<{value}> {row.state}"),
    )
    default_sort = "login"
    filterset = ThingFilter
    page_size = 20
    row_url = "thing"
    row_label = "name"
    row_actions = (
        RowAction("edit", "Edit", "thing", icon="pencil-square"),
        RowAction("touch", "Protect", "thing-touch", icon="lock-closed", method="post", shown=lambda row: row.rank > 0),
        RowAction("delete", "Delete", "thing-delete", icon="trash", danger=True),
    )
    bulk_actions = (BulkAction("delete", "Delete", "things-delete", icon="trash", danger=True),)
    empty_title = "No users yet"


class ThingForm(forms.Form):
    """Every common widget."""

    name = forms.CharField(label="Name", help_text="Shown in lists.", max_length=40)
    mail = forms.EmailField(label="E-mail", required=False)
    role = forms.ChoiceField(label="Role", choices=[("", "Choose a role"), ("desk", "Support Desk")])
    groups = forms.MultipleChoiceField(
        label="Groups", choices=[("fin", "Finance"), ("sales", "Sales")], widget=forms.CheckboxSelectMultiple
    )
    when = forms.ChoiceField(label="When", choices=[("now", "Now"), ("later", "Later")], widget=forms.RadioSelect)
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    tell = forms.BooleanField(label="Tell the person by mail", required=False, help_text="One message.")


SECTIONS = {
    "": [("Home", "home", "/gallery/")],
    "Personalization": [("Users", "users", "/things/"), ("Tasks", "queue-list", "/gallery/#tasks")],
    "Access": [("User Roles", "shield-check", "/gallery/#roles")],
    "Administration": [("Directory", "server-stack", "/gallery/#directory")],
}


def page_context(request):
    """A shell with everything in it."""
    page = SimpleNamespace(
        theme=views.theme_of(request),
        navigation=[
            SimpleNamespace(
                label=label,
                items=[
                    SimpleNamespace(label=name, icon=icon, url=url, current=url == request.path)
                    for name, icon, url in entries
                ],
            )
            for label, entries in SECTIONS.items()
        ],
        tenant=SimpleNamespace(slug="acme", name="Acme Industries"),
        person=None if "stranger" in request.GET else SimpleNamespace(name="Alice Adler", role="Primary Administrator"),
        tasks_url="/tasks/",
        search_url="/things/",
        sign_out_url="/gallery/",
    )
    return {"page": page, "messages": get_messages(request)}


def gallery(request):
    now = timezone.now()
    return responses.page(
        request,
        "gallery.html",
        {
            "now": now,
            "ago": [now - timedelta(minutes=3), now - timedelta(hours=5), now - timedelta(days=1), now],
            "broken": ThingForm({"name": "x" * 50, "mail": "nope"}),
        },
    )


def things(request):
    return list_page(request, ThingList, Thing.objects.all(), "things.html")


def thing(request, pk):
    form = ThingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return responses.done(request, "/things/", message="Saved: Grüße", changed="things")
    return responses.dialog(request, "thing.html", {"form": form, "pk": pk}, status=422 if form.errors else 200)


def thing_touch(request, pk):
    return responses.conflict(
        request, Conflict("Bob Brandt changed this.", changes=[("Role", "Support Desk", "Group Administrator")])
    )


def thing_delete(request, pk):
    answer = responses.confirm(
        request, title="Delete this user?", consequence="It goes to the trash.", verb="Delete user", back="/things/"
    )
    if answer:
        return answer
    Thing.objects.filter(pk=pk).delete()
    return responses.done(request, "/things/", message="Deleted", changed="things")


def things_delete(request):
    try:
        chosen = read_selection(request, ThingList, Thing.objects.exclude(login__startswith="hidden"))
    except Refused as refused:
        return responses.conflict(request, refused)
    answer = responses.confirm(
        request,
        title=f"Delete {chosen.count} users?",
        consequence="They go to the trash.",
        verb=f"Delete {chosen.count} users",
        hidden=chosen.hidden,
        typed=chosen.count if chosen.count > 10 else None,
        back="/things/",
    )
    if answer:
        return answer
    chosen.queryset.delete()
    return responses.done(request, "/things/", message=f"Deleted {chosen.count} users", changed="things")


def tasks(request):
    return responses.page(request, "tasks.html")


def failing(request):
    raise RuntimeError("secret of the server")


urlpatterns = [
    path("gallery/", gallery),
    path("things/", things),
    path("things/delete/", things_delete, name="things-delete"),
    path("things/<uuid:pk>/", thing, name="thing"),
    path("things/<uuid:pk>/touch/", thing_touch, name="thing-touch"),
    path("things/<uuid:pk>/delete/", thing_delete, name="thing-delete"),
    path("named/<str:name>/", gallery, name="named"),
    path("tasks/", tasks),
    path("failing/", failing),
    path("display/", views.display, name="display"),
]
handler400 = "config.error_pages.bad_request"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
