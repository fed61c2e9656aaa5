"""What a start prints about logging in."""

from __future__ import annotations

import json
from pathlib import Path

from script.announce import rabbitmq_line


def test_the_demo_prints_where_rabbitmqs_own_login_is_and_never_its_password(tmp_path: Path) -> None:
    state = {"name": "hareline-1@localhost", "user": "hareline", "password": "s3cret", "ports": {"management": 17673, "amqp": 17672}}
    (tmp_path / "node.json").write_text(json.dumps(state))
    text = rabbitmq_line(tmp_path / "node.json")
    assert "http://127.0.0.1:17673/" in text and "user hareline" in text
    assert str(tmp_path / "node.json") in text and "s3cret" not in text
