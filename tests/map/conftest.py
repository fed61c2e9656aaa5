"""The fixtures of tests of pages."""

from tests.pages.conftest import now, person

__all__ = ["now", "person"]
