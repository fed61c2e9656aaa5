"""Every door of the site, and the action that opens it: pages and forms by the name of their address, calls by method and path, topics of the socket,
commands.

A door that is new has to be named here, else `test_doors` fails: that is the moment to decide who may pass.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from dashboard.people.access import Action

Width = Literal["queue", "vhost", "everywhere"]


class Door(NamedTuple):
    """`{queue}` and the like in what is given stand for the object's names in the place that is tried."""

    needs: Action | None  # None: whoever is logged in
    posts: bool = False
    of: str = ""  # the kind of the object in the address: who may not see it gets 404
    width: Width = "everywhere"  # how much one grant must cover to open it
    given: dict[str, Any] = {}
    address: dict[str, str] = {}  # what else stands in the address of a page
    query: dict[str, str] = {}  # of what is posted
    answers: tuple[int, ...] = (200,)  # to who may pass; 503: nothing listens at the broker's address
    stranger: tuple[int, ...] = ()  # to who is not logged in, where it is not the login page or 401
    notes: bool = True  # that somebody was refused is in the audit log


def sees(of: str = "", **known: Any) -> Door:
    """Shows what is visible: of lists and forms that is their content, so that everybody gets the page."""
    return Door("view", of=of, width="queue", **known)


def own(*, posts: bool = False, **known: Any) -> Door:
    """About the person who calls, or the same for everybody who is logged in."""
    return Door(None, posts, **known)


def does(needs: Action, **known: Any) -> Door:
    return Door(needs, **{"posts": True, **known})


_PLACE = {"broker": "prod", "vhost": "{vhost}"}
_RECORDED = {**_PLACE, "at": "now"}
_SENT = {**_PLACE, "task": "shop.pay", "args": "[]", "kwargs": "{}", "queue": "{queue}", "usual": "", "uuid": "7ad44b28-83b7-4a44-9d0b-0c4eb93ed1a1"}
_TARGET = {
    "name": "ops", "url": "http://127.0.0.1:9/hook", "key": "a key of a webhook", "levels": ["critical"], "days": ["0"], "begins": "00:00",
    "ends": "24:00", "zone": "UTC", "group_seconds": "15",
}  # fmt: skip
_SILENCE = {"rule": "no_consumer", **_PLACE, "name": "{queue}"}

PAGES: dict[str, tuple[Door, ...]] = {
    "overview": (sees(),),
    "node": (sees("node"),),
    "queues": (sees(),),
    "queue": (sees("queue"),),
    "peek": (sees("queue"), does("peek", of="queue", width="queue", given={"count": "1"}, answers=(503,))),
    "exchanges": (sees(),),
    "map": (sees(),),
    "map_export": (sees(address={"kind": "dot"}),),
    "exchange": (sees("exchange"),),
    "connections": (sees(),),
    "connection": (sees("connection"),),
    "workers": (sees(),),
    "worker": (sees("worker"),),
    "worker_matrix": (sees(),),
    "capacity": (sees(),),
    "arrangements": (sees(),),
    "worker_group": (sees(given={**_PLACE, "name": "*"}),),
    "control": (sees(given={**_PLACE, "worker": "{worker}", "action": "enable_events"}),),
    "control_order": (does("control", width="vhost", given={**_PLACE, "worker": "{worker}", "action": "enable_events"}, answers=(302,)),),
    "worker_order": (own(of="nothing", answers=(404,)),),
    "worker_listing": (does("control", of="worker", width="vhost", address={"action": "pin"}, answers=(302,)),),
    "tasks": (sees(),),
    "task_again": (sees(), sees(posts=True, given={**_PLACE, "uuid": "{task}"})),
    "task_again_begin": (does("send", width="vhost", given={**_PLACE, "uuid": "{task}"}, answers=(422,)),),
    "run_again_batch": (own(of="nothing", answers=(404,)),),
    "run_again_change": (own(posts=True, of="nothing", address={"action": "stop"}, answers=(404,)),),
    "task_revoke": (sees(), sees(posts=True, given={**_PLACE, "uuid": "{task}"})),
    "task_revoke_order": (does("revoke", width="queue", given={**_PLACE, "uuid": "{task}", "act": "revoke", "typed": "it"}, answers=(422,)),),
    "revocation": (own(of="nothing", answers=(404,)),),
    "periodic": (sees(),),
    "statistics": (sees(),),
    "statistics_export": (sees(),),
    "statistics_name": (sees("queue", given={**_PLACE, "queue": "{queue}"}),),
    "task": (sees("task"),),
    "flow": (sees("task", given={**_PLACE, "root": "{task}"}),),
    "task_views": (own(), own(posts=True, given={"name": "slow ones", "q": "runtime>2s"}, answers=(302,))),
    "task_view_act": (own(posts=True, of="nothing", address={"action": "remove"}, answers=(404,)),),  # only one's own
    "task_export": (sees(), sees(posts=True, given={"all": "1"})),
    "failures": (sees(),),
    "failure": (sees("failure"),),
    "failure_act": (does("silence", of="failure", width="vhost", address={"action": "resolve"}, answers=(302,)),),
    "routing": (sees(given={**_PLACE, "exchange": "", "routing_key": "{queue}"}), sees(posts=True, given={"of": "message", "message": "{}"})),
    "send": (
        sees(given={**_PLACE, "task": "shop.pay", "queue": "{queue}"}),
        sees(posts=True, query={**_PLACE, "part": "prediction"}, given={"task": "shop.pay", "args": "[]", "kwargs": "{}", "queue": "{queue}"}),
    ),
    "send_now": (does("send", width="vhost", query=_PLACE, given=_SENT, answers=(302,)),),
    "findings": (sees(),),
    "finding": (sees("finding"),),
    "finding_act": (does("silence", of="finding", width="queue", address={"action": "take"}, answers=(302,)),),
    "feed": (own(answers=(401,), stranger=(401,)),),  # has tokens of its own
    "feeds": (own(), own(posts=True, given={"name": "reader"})),
    "revoke_feed": (own(posts=True, of="nothing", answers=(404,)),),  # only one's own tokens
    "rules": (sees(),),
    "rule": (sees(address={"key": "no_consumer"}), does("settings", address={"key": "no_consumer"}, given={"threshold": "off"}, answers=(302,))),
    "rule_unset": (does("settings", of="setting", answers=(302,)),),
    "targets": (does("settings", posts=False, notes=False),),
    "target_new": (does("settings", posts=False, notes=False), does("settings", given=_TARGET, answers=(200, 302, 422))),
    "target": (does("settings", of="target", posts=False, notes=False), does("settings", of="target", given=_TARGET, answers=(200, 302, 422))),
    "target_act": (does("settings", of="target", address={"action": "pause"}, answers=(302,)),),
    "silence": (sees(), does("silence", width="queue", given={**_SILENCE, "about": "patterns", "end": "1h", "reason": "known"}, answers=(302,))),
    "silences": (sees(),),
    "end_silence": (does("silence", of="silence", width="queue", answers=(302,)),),
    "changes": (sees(),),
    "change": (sees("change"),),
    "changes_export": (sees(address={"kind": "csv"}),),
    "mark_add": (does("silence", given={"title": "deployed", "broker": "prod"}, answers=(302,)),),
    "mark_remove": (own(posts=True, of="nothing", answers=(404,)),),  # only one's own
    "history": (sees(),),
    "lab": (sees(),),
    "lab_start": (does("control", given={"broker": "prod", "pattern": "work_queue"}, answers=(302,)),),
    "lab_experiment": (own(of="nothing", answers=(404,)),),
    "lab_change": (own(posts=True, of="nothing", address={"act": "stop"}, answers=(404,)),),
    "find": (sees(given={"q": "e"}),),
    "balance": (sees(),),
    "compare": (sees(),),
    "compare_download": (sees("vhost", given=_RECORDED),),
    "definitions": (sees("vhost", given=_RECORDED),),
    "glossary": (own(),),
    "about": (sees(),),
    "audit": (does("audit", posts=False, notes=False),),
    "audit_export": (does("audit", posts=False, notes=False, address={"kind": "csv"}),),
    "plants": (sees(),),
    "plant": (does("settings", address={"key": "growing", "action": "start"}, answers=(302,)),),
    "keyboard": (own(),),
    "theme": (own(posts=True, given={"theme": "dark"}, answers=(302,)),),
    "people": (does("people", posts=False, notes=False), does("people", given={"name": "bo", "role": "viewer"})),
    "roles": (does("people", posts=False, notes=False), does("people", given={"name": "watcher", "actions": ["view"]}, answers=(302,))),
    "role": (does("people", of="role", posts=False, notes=False), does("people", of="role", given={"actions": ["view"]}, answers=(302,))),
    "remove_role": (does("people", of="role", answers=(302,)),),
    "person": (does("people", of="person", posts=False, notes=False), does("people", of="person", given={"role": "viewer"}, answers=(302,))),
    "person_act": (does("people", of="person", address={"action": "disable"}, answers=(302,)),),
    "take_back": (does("people", of="person", address={"granted": "{granted}"}, answers=(302,)),),
    **dict.fromkeys(
        ("openid_connect_login", "openid_connect_callback"),
        (own(address={"provider_id": "unknown"}, answers=(404, 405), stranger=(404, 405)),),
    ),
    "invitation": (own(answers=(410,), stranger=(410,)),),  # has tokens of its own
    "account": (own(),),
    "make_token": (own(posts=True, given={}, answers=(422,)),),
    "revoke_token": (own(posts=True, of="nothing", answers=(404,)),),  # only one's own
    "end_session": (own(posts=True, of="nothing", answers=(404,)),),
    "end_other_sessions": (own(posts=True, answers=(302,)),),
    **dict.fromkeys(
        ("mfa_index", "mfa_list_webauthn", "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes"),
        (own(answers=(200, 302, 404)),),  # one's own second factor; some want the password again
    ),
    **dict.fromkeys(
        ("mfa_generate_recovery_codes", "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "account_reauthenticate"), (own(answers=(200, 302, 404)),)
    ),
    "mfa_remove_webauthn": (own(of="nothing", answers=(302, 404)),),
    "account_login": (own(answers=(302,), stranger=(200,)),),
    "account_logout": (own(posts=True, answers=(302,), stranger=(302,)),),
    "account_change_password": (own(), own(posts=True, given={}, answers=(200,))),
    "healthz": (own(stranger=(200,)),),
    "readyz": (own(answers=(200, 503), stranger=(200, 503)),),
    "metrics": (sees(),),
}

_QUEUE, _EXCHANGE = {**_PLACE, "name": "{queue}"}, {**_PLACE, "name": "{exchange}"}
CALLS: dict[str, Door] = {
    "GET /api/v1/about": sees(),
    "GET /api/v1/audit": does("audit", posts=False, notes=False),
    "GET /api/v1/bindings": sees(),
    "GET /api/v1/brokers": sees(),
    "GET /api/v1/capacity": sees(),
    "GET /api/v1/arrangements": sees(),
    "GET /api/v1/changes": sees(),
    "GET /api/v1/channels": sees(),
    "GET /api/v1/compare": sees("vhost", given=_RECORDED),
    "GET /api/v1/connections": sees(),
    "GET /api/v1/definitions": sees("vhost", given=_RECORDED),
    "GET /api/v1/exchange": sees("exchange", given=_EXCHANGE),
    "GET /api/v1/exchanges": sees(),
    "GET /api/v1/map": sees(),
    "GET /api/v1/failures": sees(),
    "GET /api/v1/findings": sees(),
    "GET /api/v1/flow": sees("task", given={**_PLACE, "root": "{task}"}),
    "GET /api/v1/history": sees("queue", given={**_PLACE, "queue": "{queue}", "metric": "ready"}),
    "GET /api/v1/lost-events": sees(),
    "GET /api/v1/marks": sees(),
    "GET /api/v1/nodes": sees(),
    "GET /api/v1/lab": sees(),
    "GET /api/v1/periodic-tasks": sees(),
    "GET /api/v1/queue": sees("queue", given=_QUEUE),
    "GET /api/v1/queues": sees(),
    "GET /api/v1/routing/reach": sees("queue", given={**_PLACE, "queue": "{queue}"}),
    "GET /api/v1/snapshots": sees(given={"broker": "prod", "at": "-1s"}, answers=(200, 404)),  # 404: to who sees no broker
    "GET /api/v1/task": sees("task", given={"uuid": "{task}"}),
    "GET /api/v1/task-statistics": sees(),
    "GET /api/v1/task-statistics/compare": sees(given={"from": "-1h", "at": "-30min"}),
    "GET /api/v1/tasks": sees(),
    "GET /api/v1/workers": sees(),
    "POST /api/v1/workers/control": does("control", width="vhost", given={**_PLACE, "hostnames": ["{worker}"], "action": "enable_events"}, answers=(503,)),
    "POST /api/v1/findings/silence": does("silence", width="queue", given={**_SILENCE, "until": "{until}", "reason": "known"}, answers=(201,)),
    "POST /api/v1/marks": does("silence", given={"title": "deployed", "broker": "prod"}, answers=(201,)),
    "POST /api/v1/messages/peek": does("peek", width="queue", given={**_PLACE, "queue": "{queue}"}, answers=(503,)),
    "POST /api/v1/routing/explain": sees("vhost", posts=True, given={**_PLACE, "exchange": "", "routing_key": "{queue}"}),
    "POST /api/v1/routing/explain-task": sees("vhost", posts=True, given={**_PLACE, "task": "shop.pay"}),
    "GET /api/v1/tasks/run-again": sees("nothing", given={"id": 10**9}, answers=(404,)),
    "POST /api/v1/tasks/run-again": does("send", width="vhost", given={**_PLACE, "uuids": ["{task}"]}, answers=(409,)),
    "POST /api/v1/tasks/revoke": does("revoke", width="queue", given={**_PLACE, "uuids": ["{task}"]}, answers=(409,)),
    "POST /api/v1/tasks/send": does(
        "send", width="vhost", given={**_PLACE, "task": "shop.pay", "args": [], "kwargs": {}, "options": {"queue": "{queue}"}}, answers=(503,)
    ),
}

TOPICS: dict[str, Action] = dict.fromkeys(("broker", "queues", "exchanges", "topology", "connections", "workers", "tasks"), "view")
"""All need to be covered wholly: `broker/1` by a right to the broker, the others by one to the virtual host."""

COMMANDS: dict[str, str] = {
    "audit": "reads the audit log",
    "backup": "reads the whole database",
    "cleanbroker": "removes Hareline's own queues from a broker",
    "compare": "reads what is recorded, and files",
    "explain": "reads what a person describes",
    "maintain": "removes what is old",
    "movedatabase": "reads the whole database",
    "people": "changes who may do what",
    "pollbrokers": "collects",
    "prepare": "migrates the database",
    "receiveevents": "collects",
    "rotatekeys": "encrypts anew what is stored encrypted",
    "restore": "replaces the database",
    "runlab": "makes and removes virtual hosts of the lab, and runs worker nodes in them",
    "status": "reads the state of the processes",
}
"""They are for who has the machine's account and its files; no role counts there. Each states what it can reach."""
