"""Every address of the console."""

from django.urls import include, path

from config import error_pages, health
from config.ui.views import display
from licensing.urls import operator_patterns
from personalization.urls import persona_patterns

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("display/", display, name="display"),
    path("", include("accounts.urls")),
    path("t/<slug:tenant>/", include("roles.urls")),
    path("t/<slug:tenant>/", include("licensing.urls")),
    path("t/<slug:tenant>/", include("personalization.urls")),
    path("operator/", include((operator_patterns, "operator"))),
    path("persona/", include((persona_patterns, "persona"))),
    path("t/<slug:tenant>/audit/", include("audit.urls")),
]

handler400 = error_pages.bad_request
handler403 = error_pages.forbidden
handler404 = error_pages.not_found
handler500 = error_pages.server_error
