"""What the service tells of itself to Prometheus: counts and times, never anything of what was sent or answered."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TRACED = 8  # calls, the last ones
OTHER = "other"  # what a client asks for that does not exist may not make a series of its own

logger = logging.getLogger("emofuse.service")


class Metrics:
    """The counters of one application.

    Parameters
    ----------
    held : callable
        Returns how many places of the desk are taken.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, held: Callable[[], float]) -> None:
        # An application has a registry of its own: two of them in one process do not count together.
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("emofuse_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "emofuse_request_seconds",
            "Time from the first byte to the answer.",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge("emofuse_requests_in_flight", "Requests not answered yet.", registry=self.registry)
        self.refused = Counter(
            "emofuse_refused", "Requests refused, or given up, because of too much work (503).", registry=self.registry
        )
        self.streams = Gauge("emofuse_streams", "Live streams that are open.", registry=self.registry)
        self.frames_dropped = Counter(
            "emofuse_frames_dropped", "Frames of live streams that came faster than work went.", registry=self.registry
        )
        held_places = Gauge("emofuse_places_held", "Requests at work, waiting or arriving.", registry=self.registry)
        held_places.set_function(held)

    def text(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware: counts requests by route and status, and ends what no other layer has caught.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    routes : collection of str
        Paths that are counted by name.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        route = scope["path"] if scope["path"] in self.routes else OTHER
        begin = time.perf_counter()
        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            log_error(error)
        finally:
            self.metrics.in_flight.dec()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - begin)
            self.metrics.requests.labels(route, str(status)).inc()
            if status == 503:
                self.metrics.refused.inc()


def log_error(error: BaseException) -> None:
    """Log where an unexpected error came from, without its text: that may quote what was sent."""
    where = "".join(traceback.format_tb(error.__traceback__, limit=-TRACED))
    logger.error("unexpected %s\n%s", type(error).__name__, where.rstrip())
