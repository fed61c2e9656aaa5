"""People, what they did and what they keep; findings, and who looks after them.

Written only by `dashboard.store`, read only by `dashboard.queries`.
"""

from dashboard.models.findings import Finding, FindingEvent, FindingRound, RuleSetting, Silence
from dashboard.models.people import ApiToken, AuditEvent, CacheEntry, User

__all__ = ["ApiToken", "AuditEvent", "CacheEntry", "Finding", "FindingEvent", "FindingRound", "RuleSetting", "Silence", "User"]
