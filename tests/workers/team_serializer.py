"""A serializer that a team registered with kombu, under a content type of its own."""

from __future__ import annotations

import json

from kombu.serialization import register

TEAM = "application/x-team-json"
register("team", json.dumps, json.loads, content_type=TEAM, content_encoding="utf-8")
