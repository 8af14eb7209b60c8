"""What every benchmark is made of: races in shuffled rounds, results with bars, and the list of benchmarks.

A figure is the median of per-round ratios with its range, never milliseconds of another day. Every round is watched by a
sentinel, a fixed piece of work: a round in which the machine was slow is discarded, and the report says so.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

TOLERATED = 1.25  # a round whose sentinel is further off the run's best is discarded
SEED = 7
_PIECE = os.urandom(8 * 1024 * 1024)
_best: dict[str, float] = {}  # the run's fastest sentinel of each kind, in seconds
_tally = {"rounds": 0, "discarded": 0}


# --- samples --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of per-round ratios with the smallest and the largest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(slots=True)
class Samples:
    """Seconds per variant and round. `times` holds the rounds that count, `discarded` those of a disturbed machine.

    `sentinels` has one dict of seconds per kept round; `noisy` says that too few rounds were quiet, so that the
    quietest were taken whatever they were.
    """

    times: dict[str, list[float]]
    discarded: dict[str, list[float]] = field(default_factory=dict)
    sentinels: list[dict[str, float]] = field(default_factory=list)
    noisy: bool = False

    @property
    def rounds(self) -> int:
        return len(next(iter(self.times.values()), []))

    def median(self, name: str) -> float:
        """The median seconds of a variant."""
        return statistics.median(self.times[name])

    def best(self, name: str) -> float:
        """The fewest seconds of a variant."""
        return min(self.times[name])

    def ratio(self, over: str, under: str) -> Ratio:
        """Return how many times longer `over` took than `under`, round by round."""
        return ratio_of(self.times[over], self.times[under])


def ratio_of(over: Iterable[float], under: Iterable[float]) -> Ratio:
    """Return the median, least and largest of the pairwise ratios; both have one value per round."""
    each = [a / b for a, b in zip(over, under, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))


def sentinel(*, disk: bool = False) -> dict[str, float]:
    """Return the seconds of a fixed 50 ms Python loop, and with `disk` those of 8 MB hashed, written and synced."""
    started = time.perf_counter()
    total = 0
    for number in range(550_000):
        total += number & 7
    taken = {"cpu": time.perf_counter() - started}
    if disk:
        started = time.perf_counter()
        hashlib.sha256(_PIECE).digest()
        with tempfile.TemporaryFile(dir=os.environ.get("DATA_DIR")) as file:
            file.write(_PIECE)
            file.flush()
            os.fdatasync(file.fileno())
        taken["disk"] = time.perf_counter() - started
    for kind, seconds in taken.items():
        _best[kind] = min(seconds, _best.get(kind, seconds))
    return taken


def _strain(taken: Mapping[str, float]) -> float:
    """How far off the run's best a sentinel is: 1.0 for the best itself."""
    return max(seconds / _best[kind] for kind, seconds in taken.items())


def race(
    variants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    seed: int = SEED,
    before: Callable[[str], object] | None = None,
    repeat: int | Mapping[str, int] = 1,
    disk: bool = False,
    warm: bool = True,
    attempts: int | None = None,
) -> Samples:
    """Run every variant once a round, in a shuffled order that `seed` fixes, until `rounds` quiet rounds are there.

    The caller has compared the variants' results before. `before(name)` runs untimed ahead of each variant; `repeat`
    runs a variant so often in a row, per variant if it is a mapping, and counts the mean; `disk` adds the sentinel that
    syncs, for what writes; `warm` runs each variant once untimed. At most `attempts` rounds (`rounds` + 4): when fewer
    than `rounds` of them are quiet, at least the 3 quietest count, and `noisy` is set.
    """
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    names = list(variants)
    for name in names if warm else ():
        if before:
            before(name)
        variants[name]()
    runs: list[tuple[dict[str, float], dict[str, float]]] = []
    watch = sentinel(disk=disk)
    while len(runs) < (attempts or rounds + 4):
        order.shuffle(names)
        taken = {}
        for name in names:
            if before:
                before(name)
            times = repeat if isinstance(repeat, int) else repeat.get(name, 1)
            started = time.perf_counter()
            for _ in range(times):
                variants[name]()
            taken[name] = (time.perf_counter() - started) / times
        later = sentinel(disk=disk)
        runs.append(({kind: max(watch[kind], later[kind]) for kind in watch}, taken))
        watch = later
        if sum(_strain(watched) <= TOLERATED for watched, _ in runs) >= rounds:
            break
    return _sorted_out(runs, rounds, list(variants))


def _sorted_out(runs: list[tuple[dict[str, float], dict[str, float]]], rounds: int, names: list[str]) -> Samples:
    """Return the rounds that count and those that do not."""
    quiet = [index for index, (watched, _) in enumerate(runs) if _strain(watched) <= TOLERATED]
    enough = min(3, rounds, len(runs))
    noisy = len(quiet) < enough
    if noisy:
        quiet = sorted(sorted(range(len(runs)), key=lambda index: _strain(runs[index][0]))[:enough])
    kept = [runs[index] for index in quiet]
    rest = [run for index, run in enumerate(runs) if index not in set(quiet)]
    _tally["rounds"] += len(runs)
    _tally["discarded"] += len(rest)
    return Samples(
        times={name: [taken[name] for _, taken in kept] for name in names},
        discarded={name: [taken[name] for _, taken in rest] for name in names} if rest else {},
        sentinels=[watched for watched, _ in kept],
        noisy=noisy,
    )


def sentinel_summary() -> dict[str, Any]:
    """What the sentinels of this run saw: its best seconds, rounds run and rounds discarded."""
    return {"best_ms": {kind: round(seconds * 1000, 2) for kind, seconds in _best.items()}, **_tally}


# --- results --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bar:
    """A promise and whether it holds. `wall` bars rest on time: a miss is tried once more before it counts."""

    text: str
    measured: str
    passed: bool
    wall: bool = False


def at_most(text: str, measured: float, limit: float, *, wall: bool = False) -> Bar:
    """Return the bar `measured <= limit`; `text` says what was measured."""
    return Bar(f"{text} ≤ {limit:,g}", f"{measured:,.4g}", measured <= limit, wall)


def at_least(text: str, measured: float, limit: float, *, wall: bool = False) -> Bar:
    """Return the bar `measured >= limit`; `text` says what was measured."""
    return Bar(f"{text} ≥ {limit:,g}", f"{measured:,.4g}", measured >= limit, wall)


def holds(text: str, passed: bool, measured: str = "") -> Bar:
    """Return a bar without a number."""
    return Bar(text, measured or ("yes" if passed else "no"), passed)


@dataclass(slots=True)
class Result:
    """The outcome of one benchmark at one size.

    ours: `median_ms`, `min_ms` and counters such as `queries`, `buffers`, `wal_bytes`, `rss_kb`;
    peers, floor: name -> Ratio, ours against theirs as the bars read it (`"peer / ours"` for peers, `"ours / floor"`);
    growth: what was compared -> factor; samples: the races, by a name of the benchmark's choice.
    """

    id: str
    size: str
    ours: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Ratio] = field(default_factory=dict)
    floor: dict[str, Ratio] = field(default_factory=dict)
    growth: dict[str, float] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    samples: dict[str, Samples] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    title: str = ""
    retried: bool = False

    def timed(self, samples: Samples, *, ours: str, peers: Iterable[str] = (), floor: Iterable[str] = ()) -> Result:
        """Take the figures of a race: `ours` is the product's variant, the others are beside it."""
        self.samples[ours] = samples
        self.ours |= {"median_ms": samples.median(ours) * 1000, "min_ms": samples.best(ours) * 1000}
        self.peers |= {name: samples.ratio(name, ours) for name in peers}
        self.floor |= {name: samples.ratio(ours, name) for name in floor}
        if samples.noisy:
            self.notes.append("The machine was disturbed in nearly all rounds; the quietest were taken.")
        return self

    @property
    def passed(self) -> bool:
        return all(bar.passed for bar in self.bars)

    def to_json(self) -> dict[str, Any]:
        """The result as plain values, raw samples included."""
        return asdict(self) | {"passed": self.passed}


# --- the list of benchmarks -----------------------------------------------------------------------------------------
Benchmark = Callable[[Any], Iterable[Result]]
REGISTRY: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register a function `bench -> Iterable[Result]` under a name such as "B1" (see `Bench` in fixtures)."""

    def register(function: Benchmark) -> Benchmark:
        if name in REGISTRY:
            raise ValueError(f"{name} is registered twice")
        REGISTRY[name] = function
        return function

    return register


def run(name: str, bench: Any, say: Callable[[str], object] = lambda line: None) -> list[Result]:
    """Run one benchmark. Results that miss only bars of time are taken once more, and the second figure counts."""
    results = []
    for result in REGISTRY[name](bench):
        say(f"  {result.id}: {'every bar holds' if result.passed else 'a bar is missed'}")
        results.append(result)
    missed = {result.id for result in results if not result.passed and _only_time(result)}
    if not missed:
        return results
    say(f"{name}: {', '.join(sorted(missed))} missed a bar of time; once more")
    again = {result.id: result for result in REGISTRY[name](bench)}
    for place, result in enumerate(results):
        if result.id in missed and result.id in again:
            second = again[result.id]
            second.retried = True
            second.samples |= {f"first try of {key}": samples for key, samples in result.samples.items()}
            results[place] = second
    return results


def _only_time(result: Result) -> bool:
    return all(bar.wall for bar in result.bars if not bar.passed)
