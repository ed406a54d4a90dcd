"""What the same work costs the original, as it was recorded, and what we want to reach.

ElizaOS server 1.7.2 on PostgreSQL, with a canned model and without its rate limit, on a
machine of two cores. These figures are of another hour: the ratio to one of today says
which is cheaper, and not by how many per cent. ``make bench-peer`` measures it anew.
"""

SOURCE = "ElizaOS server 1.7.2, recorded"
NODE, BUN = "Node 20", "Bun"

#: Per second, and microseconds of the server and of PostgreSQL.
Recorded = tuple[int, int, int]
#: By operation, and by what runs the server.
RECORDED: dict[str, dict[str, Recorded]] = {
    "health": {NODE: (2740, 371, 0), BUN: (10060, 98, 0)},
    "get session": {NODE: (2680, 385, 0), BUN: (8660, 115, 0)},
    "heartbeat": {NODE: (2620, 395, 0), BUN: (7800, 128, 0)},
    "create session": {NODE: (1140, 871, 368), BUN: (2380, 383, 299)},
    "history, 50 of 200": {NODE: (930, 1103, 259), BUN: (1800, 539, 222)},
    "message, reply inline": {NODE: (200, 5057, 2610), BUN: (271, 3362, 2839)},
    "message accepted": {NODE: (447, 2375, 487), BUN: (1354, 777, 393)},
    "complete reply": {NODE: (50, 22000, 7500), BUN: (83, 10800, 6900)},
}
#: Per second, by how many sessions there were; beside a million, a million messages.
RECORDED_LARGE: dict[str, dict[str, dict[str, float]]] = {
    "100k": {
        "health": {NODE: 31, BUN: 36},
        "list page": {NODE: 1000 / 787, BUN: 1000 / 433},
    },
    "1m": {"history, 50 of 200": {NODE: 16, BUN: 15}},
}
#: Ours over the peer's, both per second.
WANTED: dict[str, dict[str, float]] = {
    "get session": {NODE: 1, BUN: 0.5},
    "heartbeat": {NODE: 1, BUN: 0.5},
    "create session": {NODE: 2, BUN: 1},
    "history, 50 of 200": {NODE: 3, BUN: 1.5},
    "message accepted": {NODE: 2, BUN: 0.8},
    "message, reply inline": {NODE: 4, BUN: 3},
    "complete reply": {NODE: 8, BUN: 4},
}
#: The same with many rows.
WANTED_LARGE = {"health": 50, "list page": 50, "history, 50 of 200": 100}


def print_beside(measured: dict[str, tuple[float, float]]) -> None:
    """Print our CPU beside the peer's, with the ratio of the sums, theirs over ours."""
    print(f"CPU per message over HTTP, server + PostgreSQL in µs; peer: {SOURCE}")
    for what, ours in measured.items():
        line = f"  {what}: ours {ours[0]:.0f} + {ours[1]:.0f}"
        for runtime, (_rate, *theirs) in RECORDED[what].items():
            ratio = sum(theirs) / sum(ours)
            line += f" | {runtime} {theirs[0]} + {theirs[1]}, {ratio:.1f} x ours"
        print(line)
