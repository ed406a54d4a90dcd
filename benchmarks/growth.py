"""What 1, 10 and 100 hosts can carry, and what is full first: arithmetic, no measurement.

Run by ``python -m benchmarks.growth``. It takes what a request costs from the inputs below
and applies the laws of queues: utilisation is throughput times demand, what is busy on
average is throughput times the time it is busy (Little), and who waits for one of c cores
waits as Erlang says (arrivals at random, exponential times). A request is taken to cost on
a hundred hosts what it cost on one. Locks, caches, the network, Redis, vacuum and what the
agents themselves compute are not in it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# -- Inputs that are measured: one run, so that they fit together ---------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """What something costs.

    Attributes:
        host: Microseconds of CPU of web and worker processes.
        postgresql: Microseconds of CPU of PostgreSQL.
        wal: Bytes of PostgreSQL's write-ahead log.
    """

    host: float
    postgresql: float
    wal: float


#: By the names of RESULTS.md's rows; a complete reply is the message, too, and the worker.
#: Python 3.11, Django 5.2, PostgreSQL 15 of its own, two cores.
COSTS = {
    "heartbeat": Cost(944, 266, 280),
    "get session": Cost(685, 70, 0),
    "history, 50 of 200": Cost(1684, 368, 0),
    "create session": Cost(1908, 614, 2679),
    "complete reply": Cost(5184, 2715, 6064),
}
#: Of one host: a web process for each core, and the others, by the Procfile.
OTHER_PROCESSES = 6
#: Connections that a process may open: a web process one for each thread, the others
#: DATABASE_POOL.
WEB_POOL, POOL = 2, 20

# -- Inputs that are assumed: a site has its own --------------------------------------

#: How often an open session does each of it, per second.
RATES = {
    "heartbeat": 1 / 60,
    "get session": 1 / 300,
    "history, 50 of 200": 1 / 600,
    "create session": 1 / 1800,
    "complete reply": 1 / 180,
}
HOST_CORES = 8
POSTGRESQL_CORES = 32
POSTGRESQL_CONNECTIONS = 500
#: What its disk takes all day.
WAL_PER_SECOND = 100e6
#: How busy anything may be on average, so that peaks find room.
BUSY = 0.7

# -- What is to be done when it is full, the simplest first ---------------------------

REMEDIES = {
    "host CPU": "add hosts",
    "PostgreSQL CPU": "read from replicas what may be, beat less often, more cores; "
    "then a database for each group of users",
    "WAL": "a faster disk; beat less often",
    "connections": "a smaller DATABASE_POOL, then PgBouncer",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of hosts carry of a mix.

    Attributes:
        sessions: How many may be open at a time.
        throughput: Requests per second.
        utilisation: Of each resource, by name; 1.0 is all of it. Of connections it is what
            the pools may open at most, at any load.
        busy_connections: How many are in use on average.
        response: Seconds of CPU and of waiting for it, host and PostgreSQL together.
        full_first: What limits the throughput.
    """

    sessions: float
    throughput: float
    utilisation: Mapping[str, float]
    busy_connections: float
    response: float
    full_first: str


def mean_cost(rates: Mapping[str, float] = RATES) -> Cost:
    """Return what the average request of a mix costs."""
    total = sum(rates.values())

    def mean(what: str) -> float:
        costs = (getattr(COSTS[name], what) * rate for name, rate in rates.items())
        return float(sum(costs)) / total

    return Cost(mean("host"), mean("postgresql"), mean("wal"))


def waiting(arrivals: float, service: float, servers: int) -> float:
    """Return the mean seconds of waiting for one of several servers (M/M/c).

    Args:
        arrivals: Per second.
        service: Mean seconds.
        servers: How many serve one queue.

    Source:
        Erlang's C formula, by the recursion of his B formula, which cannot overflow.
    """
    offered = arrivals * service
    if offered >= servers:
        return math.inf
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    delayed = blocked / (1 - offered / servers * (1 - blocked))
    return delayed * service / (servers - offered)


def carried(hosts: int, rates: Mapping[str, float] = RATES) -> Load:
    """Return what a number of hosts carry before anything is busier than it may be."""
    cost = mean_cost(rates)
    # Requests per second with which each would be busy all the time.
    limits = {
        "host CPU": hosts * HOST_CORES / (cost.host / 1e6),
        "PostgreSQL CPU": POSTGRESQL_CORES / (cost.postgresql / 1e6),
        "WAL": WAL_PER_SECOND / cost.wal,
    }
    full_first = min(limits, key=lambda name: limits[name])
    throughput = BUSY * limits[full_first]
    utilisation = {name: throughput / limit for name, limit in limits.items()}
    utilisation["connections"] = hosts / hosts_that_fill_connections()
    in_postgresql = cost.postgresql / 1e6
    in_postgresql += waiting(throughput, in_postgresql, POSTGRESQL_CORES)
    on_host = cost.host / 1e6
    on_host += waiting(throughput / hosts, on_host, HOST_CORES)
    return Load(
        sessions=throughput / sum(rates.values()),
        throughput=throughput,
        utilisation=utilisation,
        # Held from the first statement to the last, in which time the host computes, too.
        busy_connections=throughput * (in_postgresql + on_host),
        response=in_postgresql + on_host,
        full_first=full_first,
    )


def main() -> None:
    """Print what 1, 10 and 100 hosts carry."""
    cost = mean_cost()
    print("One open session, per minute:")
    print("  " + ", ".join(f"{rate * 60:.2g} {name}" for name, rate in RATES.items()))
    print(
        f"The average request: {cost.host:.0f} µs of a host, {cost.postgresql:.0f} µs of "
        f"PostgreSQL, {cost.wal:.0f} bytes of WAL. Nothing busier than {BUSY:.0%}."
    )
    print(
        f"Host: {HOST_CORES} cores, {HOST_CORES + OTHER_PROCESSES} processes. PostgreSQL: "
        f"{POSTGRESQL_CORES} cores, {POSTGRESQL_CONNECTIONS} connections, "
        f"{WAL_PER_SECOND / 1e6:.0f} MB of WAL per second.\n"
    )
    for hosts in (1, 10, 100):
        load = carried(hosts)
        print(
            f"{hosts:4} hosts: {load.sessions:9,.0f} open sessions, "
            f"{load.throughput:7,.0f} requests/s, {load.response * 1000:.1f} ms each"
        )
        shares = (f"{name} {share:.0%}" for name, share in load.utilisation.items())
        print(f"{'':12}{', '.join(shares)} (busy: {load.busy_connections:.0f})")
        print(f"{'':12}full first: {load.full_first} -> {REMEDIES[load.full_first]}")
        if load.utilisation["connections"] > 1:
            print(f"{'':12}and too many connections -> {REMEDIES['connections']}")
    print(
        f"\nPostgreSQL is full with {hosts_that_fill_postgresql():.1f} hosts; "
        f"its connections, if all pools are, with {hosts_that_fill_connections():.1f}."
    )


def hosts_that_fill_postgresql(rates: Mapping[str, float] = RATES) -> float:
    """Return with how many hosts PostgreSQL's CPU is as busy as theirs."""
    cost = mean_cost(rates)
    return POSTGRESQL_CORES / cost.postgresql * cost.host / HOST_CORES


def hosts_that_fill_connections() -> float:
    """Return with how many hosts full pools need every connection."""
    return POSTGRESQL_CONNECTIONS / (HOST_CORES * WEB_POOL + OTHER_PROCESSES * POOL)


if __name__ == "__main__":
    main()
