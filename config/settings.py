"""Settings, all from the environment. A missing variable ends with a sentence that says what to set."""

import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent


@contextmanager
def readable(name):
    """Say which variable cannot be read. A library's words leave out its name, and may hold its value: a password perhaps."""
    try:
        yield
    except (ImproperlyConfigured, ProgrammingError, ValueError):
        raise ImproperlyConfigured(f"{name} cannot be read: it is not of the form that belongs there.") from None


class Environment(environ.FileAwareEnv):
    """NAME_FILE=/run/secrets/name works for every NAME; a number or switch that is none is told by its name."""

    def get_value(self, var, *args, **kwargs):
        with readable(var):
            return super().get_value(var, *args, **kwargs)


env = Environment()


def required(name, purpose):
    """Return the variable, or stop with what it is for and how to get it."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: {purpose} `./roamkeep up` sets it by itself; elsewhere set {name} or {name}_FILE."
        )
    return value


DEBUG = False
SECRET_KEY = required("SECRET_KEY", "it signs sessions and links, 50 random characters or more.")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # earlier keys, so that a new one ends nothing
PUBLIC_URL = required(
    "PUBLIC_URL", "every absolute link is built from it, such as https://roamkeep.example.org."
).rstrip("/")
SECURE = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = [urlsplit(PUBLIC_URL).hostname]
if ALLOWED_HOSTS == ["127.0.0.1"]:
    ALLOWED_HOSTS.append("localhost")

INSTALLED_APPS = [
    "config",
    "audit",
    "accounts",
    "roles",
    "licensing",
    "personalization",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "guardian",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "config.middleware.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.ErrorPageMiddleware",
    "accounts.middleware.TenantMiddleware",
    "roles.middleware.RightsMiddleware",
    "audit.middleware.RefusalMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "config.jinja.environment", "context_processors": ["config.jinja.page_context"]},
    },
    {  # templates of libraries that we do not override
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "django",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]
FORM_RENDERER = "config.jinja.FormRenderer"

# --- database -------------------------------------------------------------------------------------------------------
DATABASE_ROLES = {
    "app": env.str("DATABASE_APP_ROLE", default="roamkeep_app"),
    "operator": env.str("DATABASE_OPERATOR_ROLE", default="roamkeep_operator"),
}
required("DATABASE_URL", "the PostgreSQL database, as the application's role.")


def _database(variable):
    # libpq's own reading of the URL: it knows sockets in the host part, which urllib does not.
    with readable(variable):
        parts = conninfo_to_dict(env.str(variable, default="") or env.str("DATABASE_URL"))
    # A dead client must not keep row locks. Statements carry their values (psycopg binds on the client), so a skewed
    # tenant never meets a generic plan; forcing custom plans would only slow the checks of foreign keys, 40 times.
    options = "-c idle_in_transaction_session_timeout=30s -c jit=off"
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{key: parts.pop(name, "") for name, key in known.items()},
        "ATOMIC_REQUESTS": False,  # `console_view` opens the tenant's transaction
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "options": options, **parts},
    }


DATABASES = {
    "default": _database("DATABASE_URL"),
    "operator": _database("DATABASE_OPERATOR_URL"),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- background work ------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = required("BROKER_URL", "the Redis-protocol broker that rings the workers.")
with readable("BROKER_URL"):
    if CELERY_BROKER_URL.partition("://")[0] not in {"redis", "rediss", "redis+socket", "sentinel", "memory"}:
        raise ValueError
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5, "visibility_timeout": 3600}
CELERY_TASK_PUBLISH_RETRY = False  # the reaper rings again; a request never waits for the broker
CELERY_DB_REUSE_MAX = sys.maxsize  # connections live as those of requests do: config.celery
CELERY_TIMEZONE = "UTC"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": env.str("CACHE_URL")}
    if env.str("CACHE_URL", default="")
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.SessionBackend"]
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = env.int("SESSION_SECONDS", default=12 * 3600)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=3600)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.error_pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
PASSWORD_HASHERS = ["accounts.hashers.Argon2id"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
]
LOGIN_URL = "/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
DIRECTORY_REREAD_SECONDS = env.int("DIRECTORY_REREAD_SECONDS", default=900)  # decision 4
DIRECTORY_STALE_SECONDS = env.int("DIRECTORY_STALE_SECONDS", default=4 * 3600)
SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", default=3)  # decision 29: fewer than the directory's own threshold
SIGN_IN_WINDOW_SECONDS = env.int("SIGN_IN_WINDOW_SECONDS", default=900)
SIGN_IN_LOCK_FAILURES = env.int("SIGN_IN_LOCK_FAILURES", default=5)  # local accounts (UC-63); 0 = never
SIGN_IN_NETWORK_FAILURES = env.int("SIGN_IN_NETWORK_FAILURES", default=30)

ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = GUARDIAN_MONKEY_PATCH_GROUP = False
GUARDIAN_USER_OBJ_PERMS_MODEL = "roles.UserGrant"
GUARDIAN_GROUP_OBJ_PERMS_MODEL = "roles.GroupGrant"
SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # rights are read by one query of roles, never through an authentication backend
    "models.W042",
    "security.W004",  # HSTS and the redirect to HTTPS are set below where the public address is https
    "security.W008",
]

# --- browser --------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = SECURE and env.bool("SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
_SELF = ["'self'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": _SELF,
        "style-src": _SELF,
        "img-src": _SELF,
        "font-src": _SELF,
        "connect-src": _SELF,
        "form-action": _SELF,
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "var" / "static"))()
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.ui.icons.SpriteFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- words, mail, logs ----------------------------------------------------------------------------------------------
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
with readable("EMAIL_URL"):
    EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Roamkeep <roamkeep@localhost>")

TESTING = "pytest" in sys.modules
LOGGING_CONFIG = "config.logs.configure"
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO")}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
