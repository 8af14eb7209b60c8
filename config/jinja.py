"""The Jinja2 environment of every template of ours, and the form renderer beside it."""

from functools import partial

import django.forms.renderers
import django_htmx.jinja
import jinja2
from django.conf import settings
from django.contrib.messages import get_messages
from django.middleware.csrf import get_token
from django.template.backends.utils import csrf_input
from django.template.loader import get_template
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from config.ui import templating
from config.ui.addresses import address_of, reopened, static
from config.ui.views import theme_of


class Components:
    """The macros of templates/ui/kit.html as `ui.name(...)`: a global, because a block rendered alone sees no imports."""

    def __init__(self, environment):
        self._environment = environment

    def __getattr__(self, name):
        macro = getattr(self._environment.get_template("ui/kit.html").module, name)
        if not self._environment.auto_reload:
            setattr(self, name, macro)
        return macro


def environment(**options):
    """Build the environment: strict undefined, translations, components."""
    options["undefined"] = jinja2.StrictUndefined
    options.setdefault("extensions", []).extend(["jinja2.ext.i18n", "jinja2.ext.do"])
    options.update(trim_blocks=True, lstrip_blocks=True)
    env = jinja2.Environment(**options)
    env.install_gettext_callables(
        translation.gettext,
        translation.ngettext,
        newstyle=True,
        pgettext=translation.pgettext,
        npgettext=translation.npgettext,
    )
    env.globals.update(
        static=static,
        reopened=reopened,
        url=lambda name, *args, **kwargs: reverse(name, args=args or None, kwargs=kwargs or None),
        htmx_script=django_htmx.jinja.htmx_script,
        get_language=translation.get_language,
        languages=settings.LANGUAGES,
        ui=Components(env),
    )
    templating.install(env)
    return env


class FormRenderer(django.forms.renderers.BaseRenderer):
    """Our form and field templates; Django's own widgets keep their lenient environment."""

    form_template_name = "ui/form.html"
    field_template_name = "ui/field.html"
    builtin = django.forms.renderers.Jinja2()

    def get_template(self, template_name):
        return (
            self.builtin.get_template(template_name)
            if template_name.startswith("django/forms/")
            else get_template(template_name, using="jinja2")
        )


class Page:
    """What the shell of a page shows: all read from the request, nothing queried here."""

    def __init__(self, request):
        self.tenant = getattr(request, "tenant", None)
        self.person = getattr(request, "shell_person", None)
        self.navigation = getattr(request, "navigation", ())
        self.theme = theme_of(request)
        slug = self.tenant.slug if self.tenant and self.person else None
        may = self.person.may if self.person else lambda permission: False
        self.tasks_url = address_of("personalization:task-panel", slug) if slug and may("tasks.view") else None
        self.search_url = address_of("personalization:user-list", slug) if slug and may("users.view") else None
        self.tasks_page_url = address_of("personalization:task-list", slug) if self.tasks_url else None
        self.home_url = address_of("personalization:home", slug) if slug else "/"
        self.sign_out_url = address_of("accounts:sign-out") if self.person else None
        account = {
            "label": _("My account"),
            "icon": "user-circle",
        }
        home = slug or getattr(request, "account_tenant", None)  # outside every tenant: that of the session
        self.account_items = [account | {"url": address_of("accounts:account", home)}] if home else []
        if self.person and request.user.is_operator:
            operator = {"label": _("License groups (operator)"), "icon": "ticket"}
            self.account_items.append(operator | {"url": address_of("operator:license-group-list")})
        self.chooses_language = bool(self.person and not home)


def page_context(request):
    """Give every template `page`, `messages`, and the token of its forms.

    The token is masked once an answer, which is what the mask is for (BREACH); Django would do it for every form.
    """
    return {
        "page": Page(request),
        "messages": get_messages(request),
        "csrf_token": SimpleLazyObject(partial(get_token, request)),
        "csrf_input": SimpleLazyObject(partial(csrf_input, request)),
    }
