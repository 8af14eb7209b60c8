"""Answers of views: a page or one block of it, dialogs, confirmations, and what follows a success."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template import engines
from django.template.backends.utils import csrf_input_lazy, csrf_token_lazy
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from jinja2_fragments import render_block

from config.ui.addresses import above, reopened

DIALOG = "dialog"
HEADERS = ("HX-Request", "HX-Target")


def _private(response):
    patch_vary_headers(response, HEADERS)
    response["Cache-Control"] = "no-store"
    return response


def page(request, template, context=None, *, status=200):
    """Answer with the whole page."""
    content = engines["jinja2"].get_template(template).render(context or {}, request)
    return _private(HttpResponse(content, status=status))


def fragment(request, template, block, context=None, *, status=200):
    """Answer with one block of a template, rendered with the same context as its page.

    The block sees no imports, top-level `set`, `super()` or loop variables of the template around it.
    """
    loaded = engines["jinja2"].get_template(template)
    full = {"request": request, "csrf_input": csrf_input_lazy(request), "csrf_token": csrf_token_lazy(request)}
    for processor in loaded.backend.template_context_processors:
        full.update(processor(request))
    return _private(
        HttpResponse(render_block(loaded.backend.env, template, block, full | (context or {})), status=status)
    )


def dialog(request, template, context=None, *, status=200):
    """Answer with the template's block `dialog` where htmx fills the page's dialog, with the page otherwise.

    Templates get `modal`: whether they stand in the dialog. An input that does not validate is answered with 422.
    """
    if request.htmx.target == DIALOG:
        return fragment(request, template, "dialog", {**(context or {}), "modal": True}, status=status)
    return page(request, template, {**(context or {}), "modal": False}, status=status)


def done(request, url, *, message=None, changed=None):
    """Answer a success: go to `url` with the message there.

    changed: name of the list that the change belongs to; with htmx the dialog closes and that list reloads in place.
    """
    if request.htmx and changed:
        response = HttpResponse(status=204)
        trigger_client_event(response, f"{changed}-changed", {})
        if message:
            trigger_client_event(response, "toast", {"text": str(message), "kind": "ok"})
        return _private(response)
    if message:
        messages.success(request, message)
    return _private(HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url, status=303))


def confirm(request, *, title, consequence, verb, back, hidden=(), typed=None, danger=True, details=(), options=()):
    """Ask before something that is hard to take back: None once the person has confirmed, else the answer to return.

    consequence: one sentence; verb: the button's words ("Delete 3 users"); back: where Cancel leads;
    hidden: (name, value) pairs that the form carries on; typed: what must be typed first (a count or a name);
    details: lines that list what is affected; options: (name, label) of boxes to tick, posted as "yes".
    """
    wanted = None if typed is None else str(typed)
    confirmed = request.method == "POST" and request.POST.get("confirmed") == "yes"
    given = request.POST.get("typed", "").strip()
    error = None
    if confirmed and wanted is not None and given != wanted:
        error = gettext("Type %(wanted)s to go on.") % {"wanted": wanted}
    if confirmed and error is None:
        return None
    context = {
        "title": title,
        "consequence": consequence,
        "verb": verb,
        "back": back,
        "hidden": tuple(hidden),
        "typed": wanted,
        "given": given,
        "error": error,
        "danger": danger,
        "details": tuple(details),
        "options": [(name, label, request.POST.get(name) == "yes") for name, label in options],
        "action": request.get_full_path(),
    }
    return dialog(request, "ui/confirm.html", context, status=422 if error else 200)


def conflict(request, exception):
    """Answer a refusal that no form has caught with what changed: as a dialog over the page where htmx asked."""
    context = {"conflict": exception, "back": getattr(exception, "back", None) or _page_behind(request)}
    if not request.htmx:
        return page(request, "errors/409.html", {**context, "modal": False}, status=exception.status)
    response = fragment(request, "errors/409.html", "dialog", {**context, "modal": True}, status=exception.status)
    response["HX-Retarget"], response["HX-Reswap"] = f"#{DIALOG}", "innerHTML"
    return response


def _page_behind(request):
    """Return the address that shows what is there now; above a page that refuses to be opened."""
    if shown := request.headers.get("HX-Current-URL"):
        return shown
    return above(request.path) if request.method == "GET" else reopened(request)


def ask_to_give_up(request, *, title, warning, text, verb, back):
    """Ask a second time where people take something from themselves (decision 20); the form's fields come along.

    warning: what it is about; text: what cannot be done afterwards; verb: the button's words. Once it is answered,
    `gives_up` tells so.
    """
    hidden = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    context = {
        "title": title,
        "warning": warning,
        "text": text,
        "verb": verb,
        "hidden": [*hidden, ("giving_up", "yes")],
        "action": request.get_full_path(),
        "back": back,
    }
    return dialog(request, "ui/give_up.html", context)


def gives_up(request):
    """Tell whether the second question about one's own rights was answered (see `ask_to_give_up`)."""
    return request.POST.get("giving_up") == "yes"
