"""How the processes log: one line an event, by structlog, Django's and the libraries' records in the same form."""

from __future__ import annotations

import logging.config
import re
import sys

from django.core.exceptions import ImproperlyConfigured

from dashboard.limits.log_pace import Paced

# Where they are installed, structlog imports these for what we don't use of it: a seventh of what each process imports
_hidden = [name for name in ("structlog.twisted", "rich") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]  # None is "not installed"
import structlog  # noqa: E402

for _name in _hidden:
    del sys.modules[_name]

TOKEN_OF_A_FEED = re.compile(r"(\btoken=)[^&\s\"']+")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def logging_configuration(level: str) -> None:
    """Sets up logging for this process. `level` is one of LEVELS (HARELINE_LOG_LEVEL)."""
    if level not in LEVELS:
        raise ImproperlyConfigured(f"HARELINE_LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {level!r}")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        masked,
                        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"], bool_as_flag=False),
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "filters": {"paced": {"()": Paced}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["paced"]}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                "daphne": {"level": "WARNING"},
                "django.db.backends": {"level": "INFO"},  # with HARELINE_DEBUG each query would be a line
                "django.channels.server": {"level": "WARNING"},
                "urllib3": {"level": "ERROR"},
                "psycopg.pool": {"level": "ERROR"},  # each attempt to connect again; the request that waits for it says so
                "amqp": {"level": "WARNING"},
                "kombu": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def masked(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The event without the token that the address of a feed holds.

    >>> masked(None, "", {"event": "GET /findings/feed.atom?token=abc&x=1"})
    {'event': 'GET /findings/feed.atom?token=***&x=1'}
    """
    for name, value in event.items():
        if isinstance(value, str) and "token=" in value:
            event[name] = TOKEN_OF_A_FEED.sub(r"\1***", value)
    return event
