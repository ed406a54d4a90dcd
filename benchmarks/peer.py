"""What the same work costs the original, as it was recorded.

ElizaOS server 1.7.2 on PostgreSQL, with a canned model and without its rate limit, on a
machine of two cores; CPU per message. It is not run here, so its figures are of another
hour: the ratio says which is cheaper, and not by how many per cent.
"""

SOURCE = "ElizaOS server 1.7.2, recorded"

#: Microseconds of the server and of PostgreSQL, by what is done and what runs the server.
RECORDED = {
    "message with inline reply": {"Node 20": (5057, 2610), "Bun": (3362, 2839)},
    "complete reply, websocket": {"Node 20": (22000, 7500), "Bun": (10800, 6900)},
}


def print_beside(measured: dict[str, tuple[float, float]]) -> None:
    """Print our figures beside the peer's, with the ratio of the sums, theirs over ours."""
    print(f"CPU per message over HTTP, server + PostgreSQL in µs; peer: {SOURCE}")
    for what, ours in measured.items():
        line = f"  {what}: ours {ours[0]:.0f} + {ours[1]:.0f}"
        for runtime, theirs in RECORDED[what].items():
            ratio = sum(theirs) / sum(ours)
            line += f" | {runtime} {theirs[0]} + {theirs[1]}, {ratio:.1f} x ours"
        print(line)
