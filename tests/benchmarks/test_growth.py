"""The laws of queues hold in the simulation of growth."""

import heapq
import math
import random
from itertools import pairwise

import pytest

from benchmarks import growth
from benchmarks.growth import carried, hosts_that_fill_postgresql, mean_cost, waiting

HOSTS = [1, 2, 5, 10, 20, 50, 100]


def queue(arrivals: float, service: float, servers: int, requests: int):
    """Serve requests one after the other; how long each waits, and how many are there."""
    dice = random.Random(1)
    free = [0.0] * servers
    now = waited = stayed = 0.0
    changes = []
    for _ in range(requests):
        now += dice.expovariate(arrivals)
        begins = max(now, heapq.heappop(free))
        ends = begins + dice.expovariate(1 / service)
        heapq.heappush(free, ends)
        waited += begins - now
        stayed += ends - now
        changes += [(now, 1), (ends, -1)]
    there = area = before = 0.0
    for at, change in sorted(changes):
        area += there * (at - before)
        there, before = there + change, at
    return waited / requests, stayed / requests, area / before, requests / before


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.7), (2, 0.5), (8, 0.9)])
def test_waiting_is_what_a_queue_of_random_arrivals_comes_to(servers, busy):
    service = 0.01
    arrivals = servers * busy / service

    waited, stayed, there, served = queue(arrivals, service, servers, 200_000)

    assert waited == pytest.approx(waiting(arrivals, service, servers), rel=0.05)
    # Little: who is there is who comes, times how long they stay.
    assert there == pytest.approx(served * stayed)
    assert arrivals * (waiting(arrivals, service, servers) + service) == pytest.approx(
        there, rel=0.05
    )


def test_one_server_waits_as_the_textbook_says():
    assert waiting(50, 0.01, 1) == pytest.approx(0.5 / (1 - 0.5) * 0.01)


def test_what_is_busy_all_the_time_waits_for_ever():
    assert waiting(100, 0.01, 1) == math.inf
    assert waiting(99, 0.01, 1) < math.inf


def test_waiting_grows_with_load_and_falls_with_servers():
    by_load = [waiting(load, 0.01, 8) for load in range(0, 800, 50)]
    by_servers = [waiting(90, 0.01, servers) for servers in range(1, 20)]
    assert by_load == sorted(by_load)
    assert by_servers == sorted(by_servers, reverse=True)


@pytest.mark.parametrize("hosts", HOSTS)
def test_utilisation_is_throughput_times_demand(hosts):
    load, cost = carried(hosts), mean_cost()
    cores = hosts * growth.HOST_CORES

    share = load.utilisation
    assert share["host CPU"] == pytest.approx(load.throughput * cost.host / 1e6 / cores)
    assert share["WAL"] == pytest.approx(load.throughput * cost.wal / growth.WAL_PER_SECOND)
    busiest = max(share[name] for name in share if name != "connections")
    assert busiest == pytest.approx(growth.BUSY)
    assert load.busy_connections == pytest.approx(load.throughput * load.response)
    assert load.sessions * sum(growth.RATES.values()) == pytest.approx(load.throughput)


def test_more_hosts_carry_more_until_something_else_is_full():
    for fewer, more in pairwise(HOSTS):
        before, after = carried(fewer), carried(more)
        if more <= hosts_that_fill_postgresql():
            assert after.throughput / before.throughput == pytest.approx(more / fewer)
        assert after.throughput >= before.throughput
        assert after.utilisation["PostgreSQL CPU"] >= before.utilisation["PostgreSQL CPU"]
        assert after.utilisation["connections"] > before.utilisation["connections"]


def test_what_is_full_first_can_be_remedied():
    assert {carried(hosts).full_first for hosts in HOSTS} <= growth.REMEDIES.keys()
    assert carried(1).full_first == "host CPU"


def test_everything_that_is_done_has_a_cost():
    assert growth.RATES.keys() == growth.COSTS.keys()


def test_doing_less_lets_more_sessions_be_open():
    fewer = growth.RATES | {"heartbeat": growth.RATES["heartbeat"] / 2}
    assert carried(10, fewer).sessions > carried(10).sessions
