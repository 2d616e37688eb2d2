"""Celery: tasks are hints that there may be something to do; a lost or doubled one changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import redis
from celery import Celery

from outreach.dispatch.drain import WORTH_HELP, Drained
from outreach.domain.words import Lane
from outreach.runtime import Sending

log = logging.getLogger(__name__)

DRAIN = "outreach.drain"
RECOVER = "outreach.recover"
KEEP_FRESH = "outreach.keep_fresh"
POLL = "outreach.poll"
CONFIRM = "outreach.confirm"
_HINT_LIVES = 30
"""Seconds after which a hint that nobody took counts as lost."""
QUEUES = {Lane.REPLY: "1-reply", Lane.REMINDER: "2-reminder", Lane.BULK: "3-bulk"}
"""Named so that their order is that of the alphabet, in which a free child looks through them."""
HELPERS = "4-helpers"
"""Hints that one more child may join others in a mass run: behind every account that nobody works for yet."""


def celery_app(redis_url: str) -> Celery:
    """The Celery application on a broker; why each setting is as it is stands in docs/decisions/0026-broker.md."""
    app = Celery("outreach", broker=_broker(redis_url))
    app.conf.update(
        task_queues={name: {"routing_key": name} for name in (*QUEUES.values(), HELPERS)},
        task_default_queue=QUEUES[Lane.BULK],
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "queue_order_strategy": "sorted",
            "socket_keepalive": True,
            "socket_timeout": 30,
            "retry_on_timeout": True,
        },
    )
    return app


def _broker(redis_url: str) -> str:
    """Kombu's spelling of a Valkey URL: a Unix socket is `redis+socket://`."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url


class Hints:
    """Tells workers that something is due: at most one outstanding hint per account and lane, and one for a helper."""

    def __init__(self, app: Celery, client: redis.Redis) -> None:
        self._app = app
        self._client = client

    def drain(self, account: str, lane: Lane, *, helping: bool = False) -> bool:
        """Hint a lane unless a hint is on its way; returns whether one was sent.

        `helping`: a hint for one more child beside the one at work, as it becomes where that one may be helped.
        """
        if not self._client.set(_key(account, lane, helping), 1, nx=True, ex=_HINT_LIVES):
            if helping or self._client.get(_key(account, lane)) != _HELPED:
                return False
            return self.drain(account, lane, helping=True)
        queue = HELPERS if helping and lane is Lane.BULK else QUEUES[lane]
        self._app.send_task(DRAIN, args=(account, str(lane), helping), queue=queue, ignore_result=True)
        return True

    def recover(self, *, unknown: bool = False) -> bool:
        """Hint recovery (of those in `unknown`) unless a hint is on its way."""
        if not self._client.set(_recovery(unknown), 1, nx=True, ex=_HINT_LIVES):
            return False
        self._send(RECOVER, Lane.REPLY, unknown)
        return True

    def keep_fresh(self) -> bool:
        """Hint that tokens be renewed before they end, and quotas read, unless a hint is on its way."""
        if not self._client.set(_FRESHNESS, 1, nx=True, ex=_HINT_LIVES):
            return False
        self._send(KEEP_FRESH, Lane.REPLY)
        return True

    def poll(self) -> bool:
        """Hint that accounts which call nobody be asked, unless a hint is on its way."""
        if not self._client.set(_POLL, 1, nx=True, ex=_HINT_LIVES):
            return False
        self._send(POLL, Lane.REPLY)
        return True

    def confirm(self) -> bool:
        """Hint that refusals are to be confirmed, unless a hint is on its way."""
        if not self._client.set(_CONFIRMING, 1, nx=True, ex=_HINT_LIVES):
            return False
        self._send(CONFIRM, Lane.REPLY)
        return True

    def at_work(self, account: str, lane: Lane, *, alone: bool) -> None:
        """The hint has been taken: another may follow when this child is done or dead, before that one to help it.

        `alone`: nobody is to help.
        """
        self._client.set(_key(account, lane), b"alone" if alone else _HELPED, ex=_HINT_LIVES)

    def done(self, account: str, lane: Lane, *, helping: bool = False) -> None:
        """Another hint may follow."""
        self._client.delete(_key(account, lane, helping))

    def recovering(self, *, unknown: bool) -> None:
        """The recovery hint has been taken."""
        self._client.delete(_recovery(unknown))

    def freshening(self) -> None:
        """The hint to renew tokens has been taken."""
        self._client.delete(_FRESHNESS)

    def polling(self) -> None:
        """The hint to ask has been taken."""
        self._client.delete(_POLL)

    def confirming(self) -> None:
        """The hint to confirm refusals has been taken."""
        self._client.delete(_CONFIRMING)

    def _send(self, name: str, lane: Lane, *args: str | bool) -> None:
        self._app.send_task(name, args=args, queue=QUEUES[lane], ignore_result=True)


def register(app: Celery, sending: Callable[[], Sending], hints: Hints) -> None:
    """Give the application its tasks; `sending` gives the child's own dispatcher when the first one runs."""

    @app.task(name=DRAIN, bind=False, shared=False)  # type: ignore[untyped-decorator]
    def drain(account: str, lane: str, helping: bool = False) -> None:
        work_lane(sending(), hints, account, Lane(lane), helping=helping)

    @app.task(name=RECOVER, bind=False, shared=False)  # type: ignore[untyped-decorator]
    def recover(unknown: bool) -> None:
        _quietly(lambda: hints.recovering(unknown=unknown))
        recovery = sending().recovery
        recovery.ask_unknown() if unknown else recovery.settle_lost()

    @app.task(name=KEEP_FRESH, bind=False, shared=False)  # type: ignore[untyped-decorator]
    def keep_fresh() -> None:
        _quietly(hints.freshening)
        sending().freshness.keep()
        sending().metering.read()

    @app.task(name=POLL, bind=False, shared=False)  # type: ignore[untyped-decorator]
    def poll() -> None:
        _quietly(hints.polling)
        sending().poller.poll_all()

    @app.task(name=CONFIRM, bind=False, shared=False)  # type: ignore[untyped-decorator]
    def confirm() -> None:
        _quietly(hints.confirming)
        sending().confirming.work()


def work_lane(sending: Sending, hints: Hints, account: str, lane: Lane, *, helping: bool = False) -> Drained | None:
    """Drain a lane; hint it again where time ran out before the work did. None for an account that is gone.

    One child is at work for an account and lane. Those who help it wait behind accounts that nobody works for, so that
    one which is slow never takes every child.
    """
    known = sending.dispatcher.accounts.get(account)
    if known is None:
        log.warning("a hint names an account that is not configured: account=%s", account)
        return None
    if helping:
        _quietly(lambda: hints.done(account, lane, helping=True))
    else:
        # At a low rate it is one child's work: others would wait for its tokens and keep faster accounts waiting.
        _quietly(lambda: hints.at_work(account, lane, alone=known.rate < WORTH_HELP))
    try:
        done = sending.dispatcher.drain(account, lane)
    finally:
        if not helping:
            _quietly(lambda: hints.done(account, lane))
    if done.more:
        _quietly(lambda: hints.drain(account, lane, helping=helping))
    return done


_HELPED = b"helped"
"""What stands in the key of an account and lane whose child at work may be helped."""


def _key(account: str, lane: Lane, helping: bool = False) -> str:
    return f"outreach:hint:{account}:{lane}{':help' if helping else ''}"


_FRESHNESS = "outreach:hint:tokens"
_POLL = "outreach:hint:poll"
_CONFIRMING = "outreach:hint:confirm"


def _recovery(unknown: bool) -> str:
    return f"outreach:hint:recover:{'unknown' if unknown else 'lost'}"


def _quietly(call: Callable[[], Any]) -> None:
    """Hints may get lost: Valkey being away is no reason to fail."""
    try:
        call()
    except (redis.RedisError, OSError) as error:
        log.warning("a hint was lost: error=%s", type(error).__name__)
