"""When to fetch a page again: from its age and from what was seen of it so far.  No I/O; time is an argument.

An article is edited in its first hours and then hardly ever; a few pages never come to rest. So a page's rate of change
is the sum of two: one that fades with age and one that lasts. Both start from what is expected of any page of the site
(`Prior`, which `fit` learns) and move with what this page showed. `choose` spends a budget of fetches where the next
one is worth most. What the site announces goes first, without asking here: docs/revisit.md has the whole, and figures.

After Cho and Garcia-Molina 2003 (freshness; rates from irregular yes/no observations) and Azar et al. 2018 (one index
for each page, so that no page needs to know of the others).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from math import exp, expm1, inf
from zlib import crc32

HOUR = 3600.0
DAY = 24 * HOUR

# What each fetch after the first one found, oldest first: seconds since the fetch before, and whether there was change.
Observations = tuple[tuple[float, bool], ...]

# Edits thin out as (1 + age / YOUNG_DAYS) ** -(1 + FADING). GDELT compared every article with itself after a day and
# after a week (1.3 billion changes, 2018 to 2020): 21 % had another text after a day, and of a week's edits 82 % fell
# on that day. With rates as unequal as YOUNG_SHAPE says, that is .30 edits a page in a day and .40 in a week. The six
# hours are an assumption, nobody looked earlier; FADING follows from them: (1 - 5 ** -x) / (1 - 29 ** -x) = .30 / .40.
YOUNG_DAYS = 0.25
FADING = 0.75

# Shapes of the Gamma distributions that pages' rates are drawn from: below 1, most pages rest and a few never do. The
# second is an order of magnitude: .03, .1 and .3 did about equally well in simulations.
YOUNG_SHAPE = 0.5
LASTING_SHAPE = 0.1
# Under "fresh" a page counts 1 + NEW_WEIGHT / (1 + age / NEW_DAYS) times: twice on its first day, 1.5 times after
# a week, then ever less; people read what is new. With 3 instead of 0 pages of that week gained .036 of freshness and
# all pages together lost .005 (bench/revisit.py, 300 fetches a day).
NEW_WEIGHT, NEW_DAYS = 1.0, 7.0
ROUNDS = 12  # of expectation maximisation; of 607 drawn pages, all then had their final rate to a thousandth

KEPT_OBSERVATIONS = 24  # of one page, once `observed` has joined those that found nothing
MOMENT = 10 * 60.0  # a page fetched within it is left alone
CLOCK_SLACK = DAY  # a fetch from further in the future than this was dated by a wrong clock
UNKNOWN_WAIT = 30 * DAY  # since such a fetch
AUDIT_SHARE = 0.03  # of a budget, for pages drawn by lot
FIT_PAGES = 20_000  # that `fit` reads at most
# What `fit` puts beside what it saw of a site: the edits expected of 20 new articles, and of 10,000 days of a page.
FIT_ARTICLES, FIT_DAYS = 20.0, 10_000.0

REQUISITE_WAIT = 90 * DAY
DEEP_LISTING_WAIT = 30 * DAY


class Goal(StrEnum):
    """What looking again is for."""

    FRESH = "fresh"  # that pages are kept as they are now
    VERSIONS = "versions"  # that each wording there was is kept


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of a page of which nothing was seen yet. Both above 0."""

    young: float  # edits for being new, over all its life
    lasting: float  # edits a day at any age


# young: .30 edits on the first day (GDELT, above), 70 % of a life's. lasting: an assumption, an edit in three years.
NEWS = Prior(young=0.43, lasting=0.001)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one page. Moments are POSIX seconds, by clocks that may have been wrong."""

    url: str
    first_seen_at: float
    published_at: float | None  # None: as old as it is known
    fetched_at: float  # the last time
    observations: Observations = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Pages to fetch now; none is in both."""

    best: list[str] = field(default_factory=list)  # the most worthwhile first
    audit: list[str] = field(default_factory=list)  # drawn by lot


def choose(
    pages: Iterable[Known], *, now: float, budget: int, goal: Goal = Goal.FRESH, prior: Prior = NEWS
) -> list[str]:
    """At most `budget` URLs worth fetching now: the best first, the audit last."""
    choice = pick(pages, now=now, budget=budget, goal=goal, prior=prior)
    return choice.best + choice.audit


def pick(
    pages: Iterable[Known],
    *,
    now: float,
    budget: int,
    goal: Goal = Goal.FRESH,
    prior: Prior = NEWS,
    audit_share: float = AUDIT_SHARE,
) -> Choice:
    """Like `choose`, with the audit apart. The same arguments give the same answer; memory goes with `budget` only."""
    if budget <= 0:
        return Choice()
    lots = _Lots(now, _audit_size(budget, audit_share, now))
    # Negative worth, then URL: nsmallest has the best first and breaks ties by URL.
    ranked = heapq.nsmallest(budget, _ranked(pages, now, goal, prior, lots))
    audit = lots.drawn()
    best = [url for _, url in ranked if url not in audit]
    return Choice(best[: budget - len(audit)], sorted(audit))


def value(page: Known, now: float, goal: Goal = Goal.FRESH, *, prior: Prior = NEWS) -> float:
    """What fetching this page now is worth, to compare with others under the same goal; 0 if it was fetched just now.

    Under "fresh" the days of freshness that a fetch more gains, new pages counted more; under "versions" the wordings.
    """
    fetched_at = page.fetched_at
    if fetched_at > now + CLOCK_SLACK:
        fetched_at = now - UNKNOWN_WAIT
    waited = (now - fetched_at) / DAY
    if not waited * DAY > MOMENT:
        return 0.0
    age = _age(page, fetched_at)
    young, lasting = _rates(*_exposures(page.observations, age), prior)[:2]
    left_then, left_now = _left(age), _left(age + waited)
    expected = young * (left_then - left_now) + lasting * waited
    rate = young * _falling(age + waited, left_now) + lasting
    gain = worth(rate, expected, waited, goal)
    return gain if goal is Goal.VERSIONS else gain * (1 + NEW_WEIGHT / (1 + (age + waited) / NEW_DAYS))


def worth(rate: float, expected: float, days: float, goal: Goal = Goal.FRESH) -> float:
    """The index of a page: edits a day now, edits expected since its last fetch, days since then.

    The gain of fetching a page a little more often is (1 - e^-Λ)/λ - τ e^-Λ in fresh time and 1 - (1 + Λ) e^-Λ in
    wordings: derivatives of (1 - e^-λτ)/λτ and (1 - e^-λτ)/τ by the frequency 1/τ. Where all pages are fetched at one
    and the same index, no fetch would bring more elsewhere.
    """
    if not 0 < expected < inf or not rate > 0:
        return 0.0
    unchanged = exp(-expected)
    if goal is Goal.VERSIONS:
        return -expm1(-expected) - expected * unchanged
    # λ now lies below the mean since then, so the difference is above 0 but for rounding.
    return max(-expm1(-expected) / rate - days * unchanged, 0.0)


def change_rate(observations: Sequence[tuple[float, bool]], *, age: float, prior: Prior = NEWS) -> float:
    """Changes a day of a page that was `age` seconds old when it was last fetched, at that age.

    The rates solve Σ_changed T/(e^λT - 1) = Σ_unchanged T for two rates at once, with a Gamma prior on each; without
    one, a page that had changed at every visit would have no solution.
    """
    days = max(age, 0.0) / DAY
    young, lasting = _rates(*_exposures(observations, days), prior)[:2]
    return young * _falling(days, _left(days)) + lasting


def observed(observations: Observations, seconds: float, *, changed: bool) -> Observations:
    """`observations` and one more, in as few entries as say the same: what to store after each fetch but the first.

    `changed` is about the text. Bytes also change for a view counter, and would make every page the most urgent one.
    """
    if not 0 < seconds < inf:
        return observations  # the clock was set; nothing is known of how long it took
    if observations and not changed and not observations[-1][1]:
        return (*observations[:-1], (observations[-1][0] + seconds, False))
    return (*observations, (seconds, changed))[-KEPT_OBSERVATIONS:]


def fit(pages: Iterable[Known], *, prior: Prior = NEWS) -> Prior:
    """How often this site edits, from a sample of its pages: for `choose`, once a crawl. Little seen, little moved."""
    histories = [
        _exposures(page.observations, _age(page, page.fetched_at)) for page in _sample(pages) if page.observations
    ]
    young_seen = FIT_ARTICLES + sum(history[1] for history in histories)
    days_seen = FIT_DAYS + sum(history[2] for history in histories)
    changed = [history for history in histories if history[0]]
    fitted = prior
    for _ in range(6):  # the second digit stands by then
        found = [_rates(*history, fitted)[2:] for history in changed]
        young = FIT_ARTICLES * prior.young + sum(young for young, _ in found)
        lasting = FIT_DAYS * prior.lasting + sum(lasting for _, lasting in found)
        fitted = Prior(young / young_seen, lasting / days_seen)
    return fitted


def next_due(
    *,
    first_fetched_at: float,
    fetched_at: float,
    is_listing: bool,
    is_requisite: bool,
    is_deep: bool = False,
) -> float:
    """When to fetch again what `choose` is not asked about, in POSIX seconds.

    Sitemaps, feeds, the home page and first pages of listings are always due; `is_deep` says that a listing is a second
    page or a later one. A page gets half the time it is known: what crawls do that have no budget.
    """
    if is_listing:
        return fetched_at + DEEP_LISTING_WAIT if is_deep else 0.0
    if is_requisite:
        return fetched_at + REQUISITE_WAIT
    known = fetched_at - first_fetched_at
    return fetched_at + min(max(known / 2, HOUR), 180 * DAY)


# ---------------------------------------------------------------- rates


def _age(page: Known, fetched_at: float) -> float:
    """Days from its birth to this fetch. It was born before it was seen, whatever a date in the future says."""
    born = min(page.first_seen_at, fetched_at)
    if page.published_at is not None and page.published_at < born:
        born = page.published_at
    return (fetched_at - born) / DAY


def _left(age: float) -> float:
    """The share of its young edits that a page of this age, in days, has before it."""
    left: float = (1.0 + age / YOUNG_DAYS) ** -FADING
    return left


def _falling(age: float, left: float) -> float:
    """How much of that share a day takes."""
    return FADING * left / (YOUNG_DAYS + age)


def _exposures(
    observations: Sequence[tuple[float, bool]], age: float
) -> tuple[list[tuple[float, float]], float, float]:
    """What a page was exposed to, in shares of its young edits and in days: each changed interval, and the two sums.

    `age` is at the end of the last interval; before its birth a page was exposed to nothing young.
    """
    changed = []
    end, left_last, days = age, _left(age), 0.0
    left_end = left_last
    for seconds, has_changed in reversed(observations[-KEPT_OBSERVATIONS:]):
        if not 0 < seconds < inf:
            continue
        end -= seconds / DAY
        left_start = _left(end) if end > 0 else 1.0
        days += seconds / DAY
        if has_changed:
            changed.append((left_start - left_end, seconds / DAY))
        left_end = left_start
    return changed, left_end - left_last, days


def _rates(
    changed: list[tuple[float, float]], young_seen: float, days_seen: float, prior: Prior
) -> tuple[float, float, float, float]:
    """Young edits in a life, lasting ones a day; and how many of each there were, by expectation, in these intervals.

    Expectation maximisation: an interval that shows change had n/(1 - e^-n) edits where n are expected, shared between
    both causes as they are expected; a rate is then edits by exposure.
    """
    young_weight = YOUNG_SHAPE / prior.young + young_seen
    lasting_weight = LASTING_SHAPE / prior.lasting + days_seen
    young_edits = lasting_edits = float(len(changed))
    for _ in range(ROUNDS if changed else 1):
        young = (YOUNG_SHAPE + young_edits) / young_weight
        lasting = (LASTING_SHAPE + lasting_edits) / lasting_weight
        young_edits = lasting_edits = 0.0
        for share, days in changed:
            here, always = young * share, lasting * days
            chance = -expm1(-here - always)
            if chance > 0:
                young_edits += here / chance
                lasting_edits += always / chance
    return young, lasting, young_edits, lasting_edits


# ---------------------------------------------------------------- ranks and lots


def _ranked(pages: Iterable[Known], now: float, goal: Goal, prior: Prior, lots: _Lots) -> Iterator[tuple[float, str]]:
    """The pages that are worth a fetch, by rank; each takes part in the lottery on its way."""
    for page in pages:
        worth_now = value(page, now, goal, prior=prior)
        if worth_now > 0:
            if lots.size:
                lots.enter(page)
            yield -worth_now, page.url


class _Lots:
    """The pages with the lowest lots of the day, among those that were not fetched on it."""

    def __init__(self, now: float, size: int) -> None:
        self.day, self.size = now // DAY, size
        self._key = str(self.day).encode()
        self._heap: list[tuple[int, str]] = []  # the highest lot first: negative

    def enter(self, page: Known) -> None:
        if page.fetched_at // DAY == self.day:
            return
        lot = -int.from_bytes(blake2b(page.url.encode(errors="replace"), digest_size=8, key=self._key).digest(), "big")
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (lot, page.url))
        elif lot > self._heap[0][0]:
            heapq.heapreplace(self._heap, (lot, page.url))

    def drawn(self) -> set[str]:
        return {url for _, url in self._heap}


def _audit_size(budget: int, share: float, now: float) -> int:
    """`share` of the budget; a fraction of a page is one page in that fraction of crawls."""
    return min(budget, int(budget * share + crc32(repr(now).encode()) / 2**32))


def _sample(pages: Iterable[Known]) -> list[Known]:
    """At most FIT_PAGES of them, the same ones whatever their order."""
    limit, kept = 2**32, list[tuple[int, Known]]()
    for page in pages:
        lot = crc32(page.url.encode(errors="replace"))
        if lot < limit:
            kept.append((lot, page))
        while len(kept) > FIT_PAGES:
            limit //= 2
            kept = [pair for pair in kept if pair[0] < limit]
    return [page for _, page in kept]
