"""Addresses of accounts."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.start, name="start"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("language/", views.language, name="language"),
    path("t/<slug:tenant>/sign-in/", views.sign_in, name="sign-in"),
    path("t/<slug:tenant>/account/", views.account, name="account"),
    path("t/<slug:tenant>/account/sessions/end/", views.end_other_sessions, name="end-other-sessions"),
    path("t/<slug:tenant>/account/sessions/<slug:handle>/end/", views.end_own_session, name="end-session"),
]
