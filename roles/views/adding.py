"""Adding somebody: search or browse the directory, choose role and groups. No transaction is open at the directory."""

import re
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.connections import active_connections, directory_of
from accounts.directory import DirectoryUnavailable
from accounts.models import DirectoryConnection
from accounts.submissions import run_once
from config.errors import Conflict, Refused
from config.policy import console_view, request_context
from config.ui.responses import done, fragment, page
from roles.actions import set_entry
from roles.catalogue import Role
from roles.forms import AddForm
from roles.grants import scope_objects
from roles.subjects import LARGEST_ANSWER, admit, ask, local_candidates, mark_listed, of_found, read_token
from roles.views.entries import WRITE, list_url

BRANCH_SIZE = 100
LONGEST_SEARCH = 100
_RDN = re.compile(r"(?:\\.|[^,\\])+", re.DOTALL)  # up to the first comma that is not escaped (RFC 4514)


@console_view(WRITE, outside=True)
def entry_add(request):
    """Search people and groups by leading characters, here and in a directory."""
    return _search(request)


def _search(request, *, nothing_chosen=False):
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    with request_context(request):
        connections = list(active_connections(request.tenant.pk))
        local = mark_listed(request.tenant.pk, local_candidates(request.rights, request.tenant.pk, text))
    connection = _chosen(request, connections)
    found, outage = [], None
    if connection and text:
        try:
            found = [
                of_found(connection, entry)
                for entry in directory_of(connection).find(prefix=text, limit=LARGEST_ANSWER)
            ]
        except DirectoryUnavailable as error:
            outage = error.reason.sentence
        with request_context(request):
            found = mark_listed(request.tenant.pk, found)
    context = _context("search", connections, connection, nothing_chosen) | {
        "text": text,
        "local": local,
        "found": found,
        "outage": outage,
        "is_cut": len(found) >= LARGEST_ANSWER,
    }
    if request.htmx.target == "found":
        return fragment(request, "roles/entry_add.html", "found", context)
    return page(request, "roles/entry_add.html", context, status=422 if nothing_chosen else 200)


@console_view(WRITE, outside=True)
def entry_browse(request):
    """Show one level of a directory's tree; htmx asks for the levels below it one by one (AC-URL-6)."""
    return _browse(request)


def _browse(request, *, nothing_chosen=False):
    with request_context(request):
        connections = list(active_connections(request.tenant.pk))
    connection = _chosen(request, connections)
    parent, cursor = request.GET.get("dn") or None, request.GET.get("cursor") or None
    containers, candidates, next_url, outage = [], [], None, None
    if connection:
        try:
            level = directory_of(connection).children(parent_dn=parent, cursor=cursor, limit=BRANCH_SIZE)
        except DirectoryUnavailable as error:
            outage = error.reason.sentence
        else:
            containers = [
                (entry, _branch_url(request, connection, entry.dn))
                for entry in level.entries
                if entry.kind == "container"
            ]
            candidates = [of_found(connection, entry) for entry in level.entries if entry.kind != "container"]
            with request_context(request):
                candidates = mark_listed(request.tenant.pk, candidates)
            if level.next_cursor:
                next_url = _branch_url(request, connection, parent, cursor=level.next_cursor)
    context = _context("browse", connections, connection, nothing_chosen) | {
        "parent": parent,
        "containers": containers,
        "candidates": candidates,
        "next_url": next_url,
        "outage": outage,
        "retry_url": request.get_full_path(),
        "continues": cursor is not None,
    }
    if request.htmx:
        return fragment(request, "roles/entry_browse.html", "branch", context)
    context["path"] = _path(request, connection, parent)
    context["directories"] = [(one.name, _branch_url(request, one, None), one == connection) for one in connections]
    return page(request, "roles/entry_browse.html", context, status=422 if nothing_chosen else 200)


@console_view(WRITE, methods=("GET", "POST"), outside=True)
def entry_create(request):
    """Choose role and groups of somebody found before, then add the entry."""
    token = (request.POST if request.method == "POST" else request.GET).get("subject", "")
    if not token:
        find = _browse if request.GET.get("tab") == "browse" else _search
        return find(request, nothing_chosen=True)
    candidate, outage = None, None
    with request_context(request):
        scopes = list(scope_objects(request.tenant.pk))
        candidate, elsewhere = read_token(request.rights, request.tenant.pk, token)
    if elsewhere:
        try:
            candidate = ask(*elsewhere)
        except DirectoryUnavailable as error:
            outage = error.reason.sentence
    initial = {"subject": token, "role": Role.SUPPORT_DESK if scopes else Role.PRIMARY_ADMIN}
    form = AddForm(request.POST or None, scopes=scopes, initial=initial)
    status = 200
    if request.method == "POST":
        status = 503 if outage else 422
        if candidate and form.is_valid():
            try:
                with request_context(request):
                    return run_once(request, lambda: _create(request, candidate, form.cleaned_data))
            except Conflict as error:
                if error.code != "already-listed":
                    raise
                status = error.status
            except Refused as error:
                form.refuse(error)
    if candidate:
        with request_context(request):
            (candidate,) = mark_listed(request.tenant.pk, [candidate])
    context = {"candidate": candidate, "form": form, "outage": outage, "add_url": _url(request, "entry-add")}
    return page(request, "roles/entry_create.html", context, status=503 if outage else status)


def _create(request, candidate, cleaned):
    tenant_id, by = request.tenant.pk, request.actor
    subject = admit(tenant_id=tenant_id, candidate=candidate, by=by)
    set_entry(tenant_id=tenant_id, subject=subject, role=cleaned["role"], groups=cleaned["groups"], by=by)
    message = _("%(name)s was added as %(role)s.") % {"name": subject.name, "role": Role(cleaned["role"]).label}
    return done(request, list_url(request), message=message)


def _context(tab, connections, connection, nothing_chosen):
    return {
        "tab": tab,
        "connections": connections,
        "connection": connection,
        "is_ad": connection is not None and connection.kind == DirectoryConnection.Kind.AD,
        "nothing_chosen": nothing_chosen,
    }


def _chosen(request, connections):
    """Return the connection that the address names, by default the first; Http404 for one that is not there."""
    wanted = request.GET.get("directory")
    if not wanted:
        return connections[0] if connections else None
    try:
        key = UUID(wanted)
    except ValueError:
        raise Http404 from None
    for connection in connections:
        if connection.pk == key:
            return connection
    raise Http404


def _url(request, name):
    return reverse(f"roles:{name}", args=[request.tenant.slug])


def _branch_url(request, connection, dn, **more):
    query = {"directory": connection.pk, **({"dn": dn} if dn else {}), **more}
    return f"{_url(request, 'entry-browse')}?{urlencode(query)}"


def _path(request, connection, dn):
    """Return (name, address) of every level from the top of the directory down to the shown one."""
    if not connection:
        return []
    levels, base = [], connection.base_dn.lower()
    while dn and dn.lower() != base and dn.lower().endswith(base):
        first = _RDN.match(dn)
        levels.append((first[0].partition("=")[2].replace("\\", ""), _branch_url(request, connection, dn)))
        dn = dn[first.end() + 1 :].lstrip()
    return [(connection.name, _branch_url(request, connection, None)), *reversed(levels)]
