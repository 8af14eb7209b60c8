"""Logs: one JSON object a line on standard error, with the request id; secrets are masked by name."""

import logging.config
import re

import structlog

_SECRET = re.compile(r"password|secret|token|authorization|cookie|credential|csrf", re.IGNORECASE)


def mask_secrets(logger, method, event):
    """Replace the values whose names promise a secret, one level deep: the last net, not the first."""
    for name, value in event.items():
        if _SECRET.search(name):
            event[name] = "***"
        elif isinstance(value, dict):
            event[name] = {k: "***" if _SECRET.search(str(k)) else v for k, v in value.items()}
    return event


_SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    mask_secrets,
]


def configure(options):
    """Set up the standard library's logging and structlog; `options` is `settings.LOGGING`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": structlog.processors.JSONRenderer(),
                    "foreign_pre_chain": _SHARED,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                "django_structlog": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "django.security": {"level": "ERROR"},
                "celery": {"level": "INFO"},
            },
        }
    )
