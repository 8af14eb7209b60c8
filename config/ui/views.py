"""How the console looks to this browser: colour scheme and sidebar, kept in two cookies, so that no page flashes."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from config.policy import public_view

CHOICES = {"theme": ("auto", "light", "dark"), "sidebar": ("full", "icons")}
YEAR = 365 * 86_400


@public_view(methods=("POST",))
def display(request):
    """Keep a choice of the display form and go back to the page it was made on."""
    chosen = {name: request.POST[name] for name in CHOICES if name in request.POST}
    if not chosen or any(value not in CHOICES[name] for name, value in chosen.items()):
        raise BadRequest("bad display choice")
    back = request.POST.get("back", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponse(status=204) if request.htmx else HttpResponseRedirect(back, status=303)
    for name, value in chosen.items():
        response.set_cookie(
            name, value, max_age=YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )
    return response


def choice(request, name):
    """Return the display choice of this browser, the first one where it has made none."""
    value = request.COOKIES.get(name)
    return value if value in CHOICES[name] else CHOICES[name][0]


def theme_of(request):
    """Return 'auto', 'light' or 'dark'."""
    return choice(request, "theme")
