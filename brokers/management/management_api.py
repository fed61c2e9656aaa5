"""RabbitMQ's management HTTP API and Prometheus plugin: one session a broker, and the only importer of requests.

The JSON is parsed in `brokers.management.parse`; which requests are made when is decided in `brokers.polling`. Every failure is raised as one
of `brokers.errors`, with a sentence that names the request. The environment's proxies and .netrc are not used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from brokers import spoken_protocol, visibility
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerAnswerUnusable, BrokerError, BrokerRefused, BrokerUnreachable, ObjectNotFound
from brokers.management import columns, node_clock, parse, urls
from brokers.management.deadlines import Watch, pools
from brokers.management.failures import Attempt, unreachable
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats, NodeStats, Overview, PublishedTo, QueueStats, TransferStats, VhostStats
from brokers.topology import PolicyDefinition, WritePermission

Parsed = TypeVar("Parsed")

_DEPTHS = "/metrics/detailed?family=queue_coarse_metrics"
_AND_CONSUMERS = "&family=queue_consumer_count"
_PAGE_SIZE = 500  # RabbitMQ allows no more


class Limits:
    """How long and how much one request may take: `total_seconds` ends even an answer that drips byte by byte. `body_bytes` is the most of an answer,
    unpacked: 100,000 queues with their columns."""

    def __init__(self, connect_seconds: float = 3.0, read_seconds: float = 8.0, total_seconds: float = 15.0, body_bytes: int = 64 * 2**20) -> None:
        self.connect_seconds, self.read_seconds, self.total_seconds, self.body_bytes = connect_seconds, read_seconds, total_seconds, body_bytes


class ManagementApi:
    """The management API of one broker. Fails over between the addresses of its nodes; meant for one thread at a time.

    `before_request` is called before each request: a poll may take long, a single request `limits.total_seconds` at most.
    """

    def __init__(self, address: BrokerAddress, ca_file: str | None = None, limits: Limits | None = None) -> None:
        self.address = address
        self.limits = limits or Limits()
        self.before_request: Callable[[], None] = lambda: None
        self.busy_seconds = 0.0  # how long the broker worked for us, ever growing: waiting for answers, less the shortest wait (network latency)
        self._shortest_seconds = math.inf
        self.idle_since: float | None = time.monotonic()  # when the last request ended; None during one
        self._urls = list(address.urls)  # the one that answered last comes first
        self.clock_seconds: float | None = None  # by how much the clock of whoever answered last is ahead of ours
        self._answered: set[str] = set()  # the addresses that have answered by HTTP
        self.is_rabbitmq = True  # False: LavinMQ, as the last overview has it
        self._watch = Watch()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (address.user.encode(), address.password.encode())  # type: ignore[assignment]  # bytes keep any unicode password
        self._session.verify = ca_file or True
        retry = Retry(total=1, connect=0, redirect=0, status=0, other=0, allowed_methods={"GET"}, backoff_factor=0.1)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._watch, retry))

    def overview(self, with_statistics: bool = True) -> Overview:
        """Without statistics, some object totals and no figures, at a fraction of the broker's CPU; older versions answer with all."""
        found = self._parsed("/api/overview", None if with_statistics else {"disable_stats": "true"}, parse.overview)
        self.is_rabbitmq, found.clock_seconds = found.is_rabbitmq, self.clock_seconds
        return found

    def node_at(self, url: str) -> str:
        """The name of the node at one of the addresses."""
        return parse.overview(self._answer("GET", f"{url}/api/overview?columns=rabbitmq_version,management_version,node")).node

    def nodes(self) -> list[NodeStats]:
        return self._parsed("/api/nodes", {"columns": columns.NODE_COLUMNS}, parse.nodes)

    def user_tags(self) -> list[str]:
        """The tags of Hareline's user: "monitoring", "management", …"""
        return self._parsed("/api/whoami", None, parse.user_tags)

    def vhosts(self) -> list[VhostStats]:
        """For a user with the monitoring tag this includes virtual hosts it cannot access."""
        return self._parsed("/api/vhosts", {"columns": columns.VHOST_COLUMNS}, parse.vhosts)

    def queues_columns(self) -> list[QueueStats]:
        """Every queue that the user may view, with depths, counters, consumers, policy. Its figures are 2 to 25 s old."""
        return self._parsed("/api/queues", {"columns": columns.QUEUE_COLUMNS}, parse.queues)

    def queues_totals(self) -> list[QueueStats]:
        """The same queues with fresh depths (0 to 3 s old), without counters, consumers and policies. Versions without these options
        return the depths of `queues_columns`."""
        return self._parsed("/api/queues", {"disable_stats": "true", "enable_queue_totals": "true", "columns": columns.METADATA}, parse.queues)

    def queue(self, vhost: str, name: str) -> QueueStats:
        path = f"/api/queues/{urls.quoted(vhost)}/{urls.quoted(name)}"
        return self._parsed(path, {"columns": columns.QUEUE_COLUMNS}, lambda body: parse.queue(body, vhost, name))

    def exchanges(self, vhost: str | None = None) -> list[parse.SeenExchange]:
        """The exchanges of a virtual host, or all."""
        return self._parsed(urls.of_vhost("exchanges", vhost), {"columns": columns.EXCHANGE_COLUMNS}, parse.exchanges)

    def exchange_publishers(self, vhost: str, name: str) -> list[dict[str, Any]]:
        """The current publishers to an exchange: `{"connection", "host", "user", "per_second"}`; known while the broker keeps rates."""
        return self._parsed(f"/api/exchanges/{urls.quoted(vhost)}/{urls.quoted(name) or 'amq.default'}", None, parse.publishers)

    def bindings(self, vhost: str | None = None) -> list[parse.SeenBinding]:
        """The bindings of a virtual host, or of all. RabbitMQ has no pages of them."""
        return self._parsed(urls.of_vhost("bindings", vhost), None, parse.bindings)

    def policies(self, vhost: str | None = None) -> list[tuple[str, PolicyDefinition]]:
        """(virtual host, policy)."""
        return self._parsed(urls.of_vhost("policies", vhost), None, parse.policies)

    def operator_policies(self, vhost: str | None = None) -> list[tuple[str, PolicyDefinition]]:
        return self._parsed(urls.of_vhost("operator-policies", vhost), None, parse.operator_policies)

    def permissions(self) -> list[WritePermission]:
        """What each user may write to, topic permissions included. Requires an administrator; for others RabbitMQ refuses and logs a warning."""
        return self._parsed("/api/permissions", None, parse.permissions) + self._parsed("/api/topic-permissions", None, parse.topic_permissions)

    def users(self) -> dict[str, parse.SeenUser]:
        return self._parsed("/api/users", None, parse.users)  # for an administrator too

    def parameters(self) -> list[TransferStats]:
        """The definitions of shovels and federation. Requires the tag policymaker."""
        return self._parsed("/api/parameters", None, parse.parameters)

    def shovels(self) -> list[TransferStats]:
        """The state of shovels; ObjectNotFound where the plugin is off."""
        return self._parsed("/api/shovels", None, parse.shovels)

    def federation_links(self) -> list[TransferStats]:
        return self._parsed("/api/federation-links", None, parse.federation_links)

    def consumers(self) -> list[ConsumerStats]:
        return self._parsed("/api/consumers", None, parse.consumers)

    def connections(self) -> list[ConnectionStats]:
        return self._parsed("/api/connections", {"columns": columns.CONNECTION_COLUMNS}, parse.connections)

    def channels(self) -> list[ChannelStats]:
        return self._parsed("/api/channels", {"columns": columns.CHANNEL_COLUMNS}, parse.channels)

    def queues_page(self, number: int) -> parse.Page[QueueStats]:
        """500 queues as of `queues_columns`; the first page is 1."""
        return self._page("/api/queues", columns.QUEUE_COLUMNS, parse.queues, number)

    def connections_page(self, number: int) -> parse.Page[ConnectionStats]:
        return self._page("/api/connections", columns.CONNECTION_COLUMNS, parse.connections, number)

    def channels_page(self, number: int) -> parse.Page[ChannelStats]:
        return self._page("/api/channels", columns.CHANNEL_COLUMNS, parse.channels, number)

    def channels_of(self, connection: str) -> list[str]:
        """The names of a connection's channels. Of one that was closed RabbitMQ answers 500, and 404 where the connection itself is read."""
        path = f"/api/connections/{urls.quoted(connection)}"
        try:
            return self._parsed(f"{path}/channels", {"columns": "name"}, parse.names)
        except BrokerAnswerUnusable:
            self.get(path, {"columns": "name"})
            raise

    def published_to(self, channel: str) -> list[PublishedTo]:
        """The exchanges that a channel publishes to; [] unless the broker's rates mode is "detailed"."""
        return self._parsed(f"/api/channels/{urls.quoted(channel)}", {"columns": "publishes"}, parse.published_to)

    def depths_of_node(self, metrics_url: str, with_consumers: bool = True) -> bytes:
        """What a node's Prometheus plugin lists of its queues, of every virtual host (`parse.DepthsReader`). Without consumers it costs a third."""
        return self.metrics_of_node(metrics_url, _DEPTHS + (_AND_CONSUMERS if with_consumers else ""))

    def metrics_of_node(self, metrics_url: str, path: str) -> bytes:
        """What a node's Prometheus plugin answers; our login is not sent there."""
        base, login = urls.metrics_base(metrics_url)
        return self._answer("GET", f"{base}{path}", auth=login or (lambda request: request))

    def change(self, method: str, path: str, body: bytes | None = None) -> None:
        """PUT, POST or DELETE, what `brokers.management.changing` sends. ObjectNotFound if it names what is not there."""
        self._first_that_answers(method, path, body)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a path ("/api/overview"), from the first address of the cluster that answers."""
        return self._first_that_answers("GET", path + (f"?{urlencode(params, safe=',')}" if params else ""))

    def current_url(self) -> str:
        """The address that last responded."""
        return self._urls[0]

    def close(self) -> None:
        """Closes the session and ends the current request. Callable from any thread."""
        self._watch.close()
        self._session.close()

    def _parsed(self, path: str, params: Mapping[str, str] | None, parser: Callable[[bytes], Parsed]) -> Parsed:
        if not self.is_rabbitmq and params and "columns" in params:
            params = {**params, "columns": columns.whole(params["columns"])}
        body = self.get(path, params)
        try:
            return parser(body)
        except BrokerAnswerUnusable as error:
            raise BrokerAnswerUnusable(f"{error} (GET {self._urls[0]}{path})") from error

    def _page(self, path: str, names: str, parser: Callable[[bytes], list[Parsed]], number: int) -> parse.Page[Parsed]:
        options = {"columns": names, "page": str(number), "page_size": str(_PAGE_SIZE)}
        return self._parsed(path, options, lambda body: parse.page(body, parser, number))

    def _first_that_answers(self, method: str, path: str, data: bytes | None = None) -> bytes:
        failures: list[BrokerError] = []
        for url in list(self._urls):
            try:
                body = self._answer(method, f"{url}{path}", data=data)
            except (BrokerUnreachable, BrokerAnswerUnusable) as error:
                failures.append(error)
                continue
            self._urls.remove(url)
            self._urls.insert(0, url)
            return body
        raise type(failures[0])("; ".join(str(failure) for failure in failures)) from failures[0]

    def _answer(self, method: str, url: str, auth: Any = None, data: bytes | None = None) -> bytes:
        self.before_request()
        place = f"{method} {url.partition('?')[0]}"
        parts = urlsplit(url)
        host = parts.netloc
        began, sent_at, self.idle_since = time.monotonic(), time.time(), None
        try:
            with self._watch.limit(self.limits.total_seconds):
                timeout = (self.limits.connect_seconds, self.limits.read_seconds)
                headers = {"Accept-Encoding": urls.encoding(url), **({} if data is None else {"Content-Type": "application/json"})}
                request = self._session.request(method, url, headers=headers, data=data, timeout=timeout, stream=True, allow_redirects=False, auth=auth)
                with request as response:
                    self._answered.add(f"{parts.scheme}://{host}")
                    self.clock_seconds = node_clock.ahead_seconds(response.headers.get("Date"), sent_at, time.time())
                    body = self._body(response, place)
            if self._watch.expired:  # a response that was shut down may look complete
                raise TimeoutError
            return body
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if self._watch.expired:
                raise BrokerUnreachable(f"no complete answer within {self.limits.total_seconds:g} s from {host} ({place})") from error
            answered_before = f"{parts.scheme}://{host}" in self._answered
            raise unreachable(error, Attempt(url, place, self.limits.connect_seconds, self.limits.read_seconds, answered_before)) from error
        except ValueError as error:  # requests lets some of the standard library through: a host name that can't be encoded
            raise BrokerUnreachable(f"the address {host} can't be used ({place})") from error
        finally:
            self.idle_since = time.monotonic()
            waited = self.idle_since - began
            self._shortest_seconds = min(self._shortest_seconds, waited)
            self.busy_seconds += waited - self._shortest_seconds

    def _body(self, response: requests.Response, place: str) -> bytes:
        status = response.status_code
        if status in (401, 403):
            raise BrokerRefused(f"{visibility.refusal(self.address.user, status, parse.reason(self._read(response, place)))} ({place})")
        if status == 404:
            raise ObjectNotFound(f"not found: {place}")
        if 300 <= status < 400:
            raise BrokerAnswerUnusable(f"answered with a redirect ({status}), which is not followed: give the API's own address ({place})")
        if not 200 <= status < 300:
            text = self._read(response, place)
            if status == 400 and spoken_protocol.wants_tls(text):
                raise BrokerUnreachable(f"{spoken_protocol.mistaken('http', 'tls', urlsplit(response.url).netloc)} ({place})")
            raise BrokerAnswerUnusable(f"answered with status {status} {parse.reason(text)}".rstrip() + f" ({place})")
        return self._read(response, place)

    def _read(self, response: requests.Response, place: str) -> bytes:
        parts, size = [], 0
        for part in _parts(response):
            size += len(part)
            if size > self.limits.body_bytes:
                raise BrokerAnswerUnusable(f"the answer is larger than {self.limits.body_bytes / 2**20:g} MiB ({place})")
            parts.append(part)
        return b"".join(parts)


class _Adapter(HTTPAdapter):
    """Connections that the session's watch can end."""

    def __init__(self, watch: Watch, retry: Retry) -> None:
        self._watch = watch
        super().__init__(max_retries=retry, pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = pools(self._watch)


def _parts(response: requests.Response) -> Iterable[bytes]:
    try:
        while part := response.raw.read1(2**18, decode_content=True):
            yield part
    except urllib3.exceptions.DecodeError as error:
        raise BrokerAnswerUnusable("the compressed answer is damaged") from error
