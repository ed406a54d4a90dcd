"""What was measured, as tables, and where they are kept."""

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks import peer
from benchmarks.cpu import calibrate
from benchmarks.driving import DRIVER
from benchmarks.measuring import Figures, InTurns
from benchmarks.operations import SELECT

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADER = """# Results

Written by the commands in [README.md](README.md), which says how to read it; not to be
edited. Each section is of one run, and only the figures of one section can be compared.
"""
OURS = "ours"
RUNTIMES = (peer.BUN, peer.NODE)
Row = list[str]


def table(head: Row, rows: list[Row]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figures_table(figures: list[Figures]) -> str:
    """Return what each operation costs."""
    head = ["Operation", "per second", "p50 ms", "p99 ms", "µs server", "µs database"]
    rows = [
        [
            each.operation,
            number(each.rate),
            number(each.p50),
            number(each.p99),
            number(each.server),
            number(each.database),
            number(each.statements),
            number(each.wal),
        ]
        for each in figures
    ]
    return table([*head, "statements", "bytes of WAL"], rows)


def flatness_table(by_size: dict[str, list[Figures]]) -> str:
    """Return how the largest size compares with the smallest, all of one run."""
    smallest, *_others, largest = by_size
    rows = [
        [
            few.operation,
            number(few.p99),
            number(many.p99),
            _ratio(many.p99, few.p99),
            _ratio(many.p50, few.p50),
            _ratio(_cpu(many), _cpu(few)),
        ]
        for few, many in zip(by_size[smallest], by_size[largest], strict=True)
    ]
    head = ["Operation", f"p99 ms, {smallest}", f"p99 ms, {largest}"]
    return table([*head, "ratio of p99", "of p50", "of CPU"], rows)


def large_table(size: str, figures: list[Figures]) -> str:
    """Return how ours compare with the peer's recorded with many rows, if there are any."""
    recorded = peer.RECORDED_LARGE.get(size, {})
    rows = [
        [each.operation, number(each.rate)]
        + [_ratio(each.rate, recorded[each.operation][runtime]) for runtime in RUNTIMES]
        + [number(peer.WANTED_LARGE[each.operation])]
        for each in figures
        if each.operation in recorded
    ]
    head = ["Beside the peer as recorded", "ours per second"]
    head += [f"ours over {runtime}" for runtime in RUNTIMES]
    return table([*head, "wanted"], rows) if rows else ""


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2f}" if one and other else "-"


def _cpu(figures: Figures) -> float:
    return figures.server + (figures.database or 0)


def ratios_table(runtime: str, measured: list[InTurns]) -> str:
    """Return our figures beside a peer's of the same run, and beside those recorded of it.

    Args:
        runtime: What runs the peer.
    """
    rows = []
    for turns in measured:
        ours, theirs = turns.middle(OURS), turns.middle(runtime)
        assert ours is not None
        wanted = peer.WANTED.get(ours.operation, {}).get(runtime)
        recorded = peer.RECORDED.get(ours.operation, {}).get(runtime)
        rows.append(
            [
                ours.operation,
                number(ours.rate),
                number(theirs.rate if theirs else None),
                _spread(turns.ratios(OURS, runtime)),
                number(wanted),
                _sum(ours.server, ours.database),
                _sum(theirs.server, theirs.database) if theirs else "-",
                _ratio(_cpu(theirs) if theirs else None, _cpu(ours)),
                _sum(*recorded[1:]) if recorded else "-",
                _ratio(recorded and sum(recorded[1:]), _cpu(ours)),
            ]
        )
    head = ["Operation", "ours per second", f"{runtime} per second", "ours over theirs"]
    head += ["wanted", "ours µs", f"{runtime} µs", "theirs over ours"]
    return table([*head, "µs as recorded", "recorded over ours"], rows)


def reach_table(runtime: str, measured: list[InTurns]) -> str:
    """Return how little CPU would do for what is wanted, and what is the least.

    The machine is busy all the time, so a rate rises as the CPU per request falls. The
    least is what an empty view costs that reads one row, and what our statements cost
    PostgreSQL: with everything of ours in Python for nothing.
    """
    middles = [each for turns in measured if (each := turns.middle(OURS))]
    [empty] = [each.server for each in middles if each.operation == SELECT]
    rows = []
    for ours, turns in zip(middles, measured, strict=True):
        ratios = turns.ratios(OURS, runtime)
        if ratios and ours.operation in peer.WANTED:
            wanted = peer.WANTED[ours.operation][runtime]
            reached = median(ratios)
            rows.append(
                [
                    ours.operation,
                    number(wanted),
                    f"{reached:.2f}",
                    number(_cpu(ours)),
                    number(_cpu(ours) * reached / wanted),
                    number(empty + (ours.database or 0)),
                ]
            )
    head = ["Operation", "wanted", "reached", "µs", "µs that would do", "µs at least"]
    return table(head, rows) if rows else ""


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})" if ratios else "-"


def _sum(server: float, database: float | None) -> str:
    return f"{server:.0f} + {database or 0:.0f}"


def number(value: float | None) -> str:
    """Return a figure with no more digits than it has meaning."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 20 or value == int(value) else f"{value:.1f}"


def facts(database: str, figures: list[Figures]) -> str:
    """Return what was measured on, and how busy that was otherwise."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = cpuinfo.partition("model name")[2].partition(":")[2].splitlines()[0].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    others = max((each.others for each in figures), default=None)
    busy = "" if others is None else f" Others used up to {others:.0%} of it meanwhile."
    return (
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, revision {_revision()}. "
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GB; "
        f"calibration {calibrate():.1f} ms. "
        f"Python {platform.python_version()}, Django {version('django')}, "
        f"granian {version('granian')}, {database}. Driven by {DRIVER}.{busy}\n"
    )


def publish(title: str, body: str, *, kept: bool = True) -> None:
    """Print a section, and put it in the place of the one with its title.

    Args:
        kept: Otherwise it is only printed.
    """
    section = f"## {title}\n\n{body}"
    print(section)
    if not kept:
        return
    text = RESULTS.read_text() if RESULTS.exists() else HEADER
    _header, *others = text.split("\n## ")
    sections = {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in others}
    sections[title] = f"{section.rstrip()}\n"
    RESULTS.write_text("\n".join([HEADER, *sections.values()]))


def _revision() -> str:
    def git(*arguments: str) -> str:
        command = ["git", *arguments, "--", ".", ":!benchmarks/RESULTS.md"]
        try:
            return subprocess.run(
                command, capture_output=True, check=True, text=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return "unknown"  # This is no checkout.

    changed = " with changes" if git("status", "--porcelain") else ""
    return git("log", "-1", "--format=%h").strip() + changed
