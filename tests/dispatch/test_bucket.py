"""The account's rate, kept in Valkey and shared by everyone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from outreach.dispatch.bucket import Buckets
from tests.world import account

TEN = account(rate=10.0, burst=10)


@pytest.fixture
def buckets(redis_url: str) -> Buckets:
    return Buckets(redis.Redis.from_url(redis_url))


def test_a_bucket_that_is_missing_counts_as_empty(buckets: Buckets) -> None:
    grant = buckets.take(TEN, 5)
    assert grant.tokens == 0
    assert timedelta(0) < grant.wait <= timedelta(seconds=0.1)


def test_it_never_holds_more_than_the_burst(buckets: Buckets) -> None:
    buckets.take(TEN, 1)
    buckets.settle(TEN, 1000)
    assert buckets.take(TEN, 1000).tokens == 10


def test_tokens_are_granted_in_part_down_to_the_least_wanted(buckets: Buckets) -> None:
    buckets.take(TEN, 1)
    buckets.settle(TEN, 4)
    assert buckets.take(TEN, 100, least=8).tokens == 0
    assert buckets.take(TEN, 100, least=2).tokens in (4, 5)


def test_what_was_owed_is_worked_off_first(buckets: Buckets) -> None:
    buckets.take(TEN, 1)
    buckets.settle(TEN, -20)
    assert buckets.take(TEN, 1).wait > timedelta(seconds=1.5)


def test_a_held_account_gives_nothing_to_anybody(buckets: Buckets, redis_url: str) -> None:
    buckets.take(TEN, 1)
    buckets.settle(TEN, 10)
    buckets.hold(TEN, timedelta(seconds=30))
    other = Buckets(redis.Redis.from_url(redis_url))
    grant = other.take(TEN, 1)
    assert grant.tokens == 0
    assert timedelta(seconds=29) < grant.wait <= timedelta(seconds=30)


def test_accounts_have_buckets_of_their_own(buckets: Buckets) -> None:
    buckets.take(TEN, 1)
    buckets.settle(TEN, 10)
    assert buckets.take(account("other", rate=10.0, burst=10), 1).tokens == 0
    assert buckets.take(TEN, 1).tokens == 1


def test_of_two_requests_for_patience_the_longer_one_counts(buckets: Buckets) -> None:
    buckets.hold(TEN, timedelta(seconds=30))
    buckets.hold(TEN, timedelta(seconds=1))
    assert buckets.take(TEN, 1).wait > timedelta(seconds=29)
    buckets.hold(TEN, timedelta(seconds=60))
    assert buckets.take(TEN, 1).wait > timedelta(seconds=59)
