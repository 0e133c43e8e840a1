"""When to come back, simulated: policies side by side on made-up sites, at the same budget.  `python bench/revisit.py`

A site of 10,000 articles gets 20 new ones a day; each is found by a half-hourly look at the feed and fetched at once.
Crawls come at irregular times, every six hours on average, and may fetch as many pages as the budget has grown by; new
articles are taken from it first, the feed is not counted. The second half of the days is measured:

    fresh      share of the time that articles were held as they were, all articles
    recent     the same of articles in their first seven days
    wordings   share of the wordings replaced in that time that were held before they were

    python bench/revisit.py [--articles 10000] [--days 100] [--budgets 300,1000] [--sites news] [--seeds 3]

The sites are drawn by rules that the policy does not know: other totals, other decay, other distributions than its
prior. "news" is edited much (1.8 edits an article, heavy-tailed) and fades slowly; "calm" a seventh of it; in "bursts"
an edit brings others within the hour, and fading is exponential; in "flat" age says nothing. Every site is drawn from
its seed, and every policy meets the same edits. Figures are the median over seeds [least-most].
"""

from __future__ import annotations

import argparse
import heapq
import math
import multiprocessing
import random
import statistics
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crawler.revisit import DAY, NEWS, Goal, Known, Observations, choose, fit, observed, worth

FEED_DAYS = 1 / 48
SITEMAP_DAYS = 1 / 24
SITEMAP_URLS = 1_000  # in each file of a sitemap, as WordPress writes them
CRAWL_DAYS = 1 / 4  # between two crawls, on average
RECENT_DAYS = 7.0


@dataclass(frozen=True)
class Manner:
    """How a site edits. Rates are lognormal about these medians."""

    young: float  # edits for being new, in all of an article's life
    lasting: float  # edits a day at any age
    spread: float = 1.5  # sigma of both
    half_life: float | None = None  # days; None: young edits fade as (1 + 4 age) ** -1.5
    again: float = 0.0  # chance that an edit is followed by another, an hour later on average


SITES = {
    "news": Manner(young=0.6, lasting=1 / 2000),
    "calm": Manner(young=0.09, lasting=1 / 2000),
    "bursts": Manner(young=0.6, lasting=1 / 2000, half_life=0.5, again=0.5),
    "flat": Manner(young=0.0, lasting=1 / 500, spread=2.0),
}
RESTLESS = 0.005  # of all articles are live pages: .05 to 2 edits a day, for ever


@dataclass(slots=True)
class Article:
    url: str
    born: float  # days; the simulation begins at 0
    young: float
    lasting: float
    edits: list[float]  # when, in order


class Site:
    """Articles and all their edits, drawn from a seed."""

    def __init__(self, manner: Manner, *, seed: int, articles: int, days: float) -> None:
        self.manner, self.days, self.archived = manner, days, articles
        self.dice = random.Random(seed)
        per_day = articles / 500  # as old as it is, it was always as busy
        births = sorted(-500 * self.dice.random() for _ in range(articles))
        births += arrivals(self.dice, per_day, days)
        self.articles = [self._article(number, born) for number, born in enumerate(births)]

    def rate(self, article: Article, at: float) -> float:
        """Edits a day."""
        age = at - article.born
        if self.manner.half_life:
            fading = math.log(2) / self.manner.half_life * 2 ** (-age / self.manner.half_life)
        else:
            fading = 2 * (1 + 4 * age) ** -1.5
        return article.young * fading + article.lasting

    def expected(self, article: Article, start: float, end: float) -> float:
        """Edits between two moments, those that follow another left out."""

        def faded(age: float) -> float:
            return 2 ** (-age / self.manner.half_life) if self.manner.half_life else (1 + 4 * age) ** -0.5

        gone = faded(start - article.born) - faded(end - article.born)
        return article.young * gone + article.lasting * (end - start)

    def _article(self, number: int, born: float) -> Article:
        manner, dice = self.manner, self.dice
        young = manner.young * math.exp(dice.gauss(0, manner.spread))
        lasting = min(manner.lasting * math.exp(dice.gauss(0, manner.spread)), 24.0)
        if dice.random() < RESTLESS:
            young, lasting = 0.0, math.exp(dice.uniform(math.log(0.05), math.log(2)))
        article = Article(f"https://haber.example/{dice.randrange(10**9)}-{number}/", born, young, lasting, [])
        article.edits.extend(self._edits(article))
        return article

    def _edits(self, article: Article) -> Iterator[float]:
        """By thinning: the rate only falls, so the rate now bounds the rate later."""
        at = max(article.born, 0.0)
        while True:
            bound = self.rate(article, at)
            at += self.dice.expovariate(bound)
            if at >= self.days:
                return
            if self.dice.random() * bound < self.rate(article, at):
                yield at
                while self.dice.random() < self.manner.again and (at := at + self.dice.expovariate(24)) < self.days:
                    yield at


def arrivals(dice: random.Random, per_day: float, days: float) -> list[float]:
    found, at = [], dice.expovariate(per_day)
    while at < days:
        found.append(at)
        at += dice.expovariate(per_day)
    return found


# ---------------------------------------------------------------- policies


class Policy:
    """Fetches whatever was not fetched for the longest: uniform revisiting."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.fetched_at: list[float] = []

    def found(self, number: int, at: float) -> None:
        """Article `number` was fetched for the first time."""
        self.fetched_at.append(at)

    def fetched(self, number: int, at: float, changed: bool) -> None:
        self.fetched_at[number] = at

    def pick(self, at: float, quota: int) -> Iterable[int]:
        return heapq.nsmallest(quota, range(len(self.fetched_at)), key=self.fetched_at.__getitem__)


class Nutch(Policy):
    """AdaptiveFetchSchedule with the values of nutch-default.xml; the most overdue first, the budget always spent."""

    first_interval = 1.0  # better for it than the thirty days that are its default

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.intervals: list[float] = []
        self.modified_at: list[float] = []
        self.due_at: list[float] = []

    def found(self, number: int, at: float) -> None:
        super().found(number, at)
        self.intervals.append(self.first_interval)
        self.modified_at.append(at)
        # What was there at the beginning is not all due at once.
        self.due_at.append(at + self.first_interval * (self.site.dice.random() if at == 0 else 1))

    def fetched(self, number: int, at: float, changed: bool) -> None:
        super().fetched(number, at, changed)
        if changed:
            self.modified_at[number] = at
        since = at - self.modified_at[number]
        interval = max(self.intervals[number] * (0.8 if changed else 1.4), since)
        self.intervals[number] = min(max(interval, 1 / 1440), 365.0)
        self.due_at[number] = at - 0.3 * since + self.intervals[number]

    def pick(self, at: float, quota: int) -> Iterable[int]:
        return heapq.nsmallest(quota, range(len(self.due_at)), key=self.due_at.__getitem__)


class NutchMonthly(Nutch):
    first_interval = 30.0  # db.fetch.interval.default


class NutchRelative(Nutch):
    """The same where the budget is too small for all that is due: who is late by most of its own intervals first."""

    def pick(self, at: float, quota: int) -> Iterable[int]:
        late = [(due_at - at) / interval for due_at, interval in zip(self.due_at, self.intervals, strict=True)]
        return heapq.nsmallest(quota, range(len(late)), key=late.__getitem__)


class Ours(Policy):
    goal = Goal.FRESH

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.known: list[Known] = []
        self.numbers = {article.url: number for number, article in enumerate(site.articles)}
        self.prior, self.fit_at = NEWS, 1.0

    def found(self, number: int, at: float) -> None:
        super().found(number, at)
        self._know(number, at, first_seen_at=at * DAY, observations=())

    def fetched(self, number: int, at: float, changed: bool) -> None:
        before = self.known[number]
        history = observed(before.observations, (at - self.fetched_at[number]) * DAY, changed=changed)
        super().fetched(number, at, changed)
        self._know(number, at, first_seen_at=before.first_seen_at, observations=history)

    def pick(self, at: float, quota: int) -> Iterable[int]:
        if at >= self.fit_at:
            self.prior, self.fit_at = fit(self.known), at + 1
        urls = choose(self.known, now=at * DAY, budget=quota, goal=self.goal, prior=self.prior)
        return [self.numbers[url] for url in urls]

    def _know(self, number: int, at: float, *, first_seen_at: float, observations: Observations) -> None:
        article = self.site.articles[number]
        known = Known(article.url, first_seen_at, article.born * DAY, at * DAY, observations)
        self.known[number : number + 1] = [known]


class OursVersions(Ours):
    goal = Goal.VERSIONS


class Oracle(Policy):
    """Our index with the rates that the site was drawn from."""

    goal = Goal.FRESH

    def pick(self, at: float, quota: int) -> Iterable[int]:
        site, index = self.site, []
        for article, fetched_at in zip(site.articles, self.fetched_at, strict=False):
            expected = site.expected(article, fetched_at, at)
            index.append(worth(site.rate(article, at), expected, at - fetched_at, self.goal))  # new or old, all alike
        return heapq.nlargest(quota, range(len(index)), key=index.__getitem__)


class OracleVersions(Oracle):
    goal = Goal.VERSIONS


# name → policy, share of edits that an hourly look at the sitemap tells of
CONTESTANTS: dict[str, tuple[Callable[[Site], Policy], float]] = {
    "uniform": (Policy, 0.0),
    "Nutch": (Nutch, 0.0),
    "Nutch, first interval 30 days": (NutchMonthly, 0.0),
    "Nutch, relatively late first": (NutchRelative, 0.0),
    "ours, fresh": (Ours, 0.0),
    "ours, versions": (OursVersions, 0.0),
    "true rates, fresh": (Oracle, 0.0),
    "true rates, versions": (OracleVersions, 0.0),
    "sitemap + ours, fresh": (Ours, 1.0),
    "half a sitemap + ours, fresh": (Ours, 0.5),
}


# ---------------------------------------------------------------- the crawl


@dataclass(frozen=True)
class Score:
    fresh: float
    recent: float
    wordings: float


class Crawl:
    """One policy on one site: fetches, and keeps the score."""

    def __init__(self, site: Site, policy: Policy, told: float) -> None:
        self.site, self.policy, self.told = site, policy, told
        self.measured_from = site.days / 2
        self.fetched_at: list[float] = []
        self.wording: list[int] = []
        self.fresh_days = self.recent_days = 0.0
        self.caught = self.spent = 0
        self.looked_at = 0.0
        edits = ((at, number) for number, article in enumerate(site.articles) for at in article.edits)
        self.announcements = sorted((edit for edit in edits if site.dice.random() < told), reverse=True)

    def run(self, budget: float, *, seed: int) -> Score:
        dice, at = random.Random(seed), 0.0
        self._find(0.0)
        self.spent = 0  # the first crawl is everybody's
        while (at := at + dice.lognormvariate(math.log(CRAWL_DAYS) - 0.5, 1.0)) < self.site.days:
            self._find(at)
            self._follow(at)
            quota = int(budget * at) - self.spent
            if quota > 0:
                for number in self.policy.pick(at, quota):
                    self._fetch(number, at)
        return self._score()

    def _find(self, now: float) -> None:
        """Fetch what the feed has named until now."""
        for number in range(len(self.fetched_at), len(self.site.articles)):
            article = self.site.articles[number]
            at = max(math.ceil(article.born / FEED_DAYS) * FEED_DAYS, 0.0)
            if at > now:
                return
            self.fetched_at.append(at)
            self.wording.append(bisect_right(article.edits, at))
            self._catch(number)
            self.policy.found(number, at)
            self.spent += 1

    def _announced(self, at: float) -> set[int]:
        """The articles that have a later date in the sitemap than they had when it was last looked at."""
        numbers = set()
        while self.announcements and self.announcements[-1][0] <= at:
            numbers.add(self.announcements.pop()[1])
        return numbers

    def _follow(self, now: float) -> None:
        """Fetch what the sitemap has announced until now; its files cost budget too."""
        while self.told and self.looked_at + SITEMAP_DAYS <= now:
            self.looked_at += SITEMAP_DAYS
            at, numbers = self.looked_at, self._announced(self.looked_at)
            self.spent += 1 + len({number // SITEMAP_URLS for number in numbers})
            for number in sorted(numbers):
                if number < len(self.fetched_at) and self.fetched_at[number] < at:
                    self._fetch(number, at)

    def _fetch(self, number: int, at: float) -> None:
        self._count_days(number, at)
        wording = bisect_right(self.site.articles[number].edits, at)
        changed = wording != self.wording[number]
        self.fetched_at[number], self.wording[number] = at, wording
        if changed:
            self._catch(number)
        self.policy.fetched(number, at, changed)
        self.spent += 1

    def _catch(self, number: int) -> None:
        """Count the wording now held, if it is one of those that are replaced while we measure."""
        edits, wording = self.site.articles[number].edits, self.wording[number]
        self.caught += wording < len(edits) and edits[wording] >= self.measured_from

    def _count_days(self, number: int, until: float) -> None:
        """Add the time that the copy was the page, from its fetch to the next edit."""
        article, wording = self.site.articles[number], self.wording[number]
        if wording < len(article.edits):
            until = min(until, article.edits[wording])
        start = max(self.fetched_at[number], self.measured_from)
        self.fresh_days += max(until - start, 0)
        self.recent_days += max(min(until, article.born + RECENT_DAYS) - start, 0)

    def _score(self) -> Score:
        days, start, articles = self.site.days, self.measured_from, self.site.articles
        for number in range(len(self.fetched_at)):
            self._count_days(number, days)
        all_days = sum(days - max(start, article.born) for article in articles)
        recent_days = sum(
            max(min(days, article.born + RECENT_DAYS) - max(start, article.born), 0) for article in articles
        )
        replaced = sum(edit >= start for article in articles for edit in article.edits)
        return Score(self.fresh_days / all_days, self.recent_days / recent_days, self.caught / replaced)


def measure(site: str, contestant: str, *, budget: float, seed: int, articles: int, days: float) -> Score:
    """One simulation: `budget` pages a day."""
    policy, told = CONTESTANTS[contestant]
    drawn = Site(SITES[site], seed=seed, articles=articles, days=days)
    return Crawl(drawn, policy(drawn), told).run(budget, seed=seed)


# ---------------------------------------------------------------- the table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--days", type=float, default=100.0)
    parser.add_argument("--budgets", default="300,1000", help="pages a day")
    parser.add_argument("--sites", default="news", help=f"of {', '.join(SITES)}")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = [
        (site, int(budget), contestant)
        for site in options.sites.split(",")
        for budget in options.budgets.split(",")
        for contestant in CONTESTANTS
    ]
    jobs = [(*row, seed, options.articles, options.days) for row in rows for seed in range(1, options.seeds + 1)]
    started = time.monotonic()
    with multiprocessing.Pool() as pool:
        scores = pool.imap(_measure, jobs)
        for number, (site, budget, contestant) in enumerate(rows):
            if number % len(CONTESTANTS) == 0:
                print(f"\n{site}, {budget} pages a day")
                print(f"{'':31}{'fresh':<23}{'recent':<23}wordings")
            seen = [next(scores) for _ in range(options.seeds)]
            columns = [[getattr(score, name) for score in seen] for name in ("fresh", "recent", "wordings")]
            print(f"{contestant:<31}" + "".join(f"{_spread(column):<23}" for column in columns).rstrip(), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")


def _measure(job: tuple[str, int, str, int, int, float]) -> Score:
    site, budget, contestant, seed, articles, days = job
    return measure(site, contestant, budget=budget, seed=seed, articles=articles, days=days)


def _spread(column: list[float]) -> str:
    return f"{statistics.median(column):.4f} [{min(column):.3f}-{max(column):.3f}]"


if __name__ == "__main__":
    main()
