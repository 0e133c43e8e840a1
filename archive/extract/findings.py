"""The findings of one page: evidence of what was injected, and the company that it keeps.  No I/O."""

from __future__ import annotations

from archive.extract.signals import Piece, Verdict, language_of_any
from archive.model import Finding, FindingKind

EXCERPT_CHARS = 500
MAX_FINDINGS = 500  # more than a person would read


class Findings:
    """What was found so far."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self.company: set[str] = set()  # hosts that findings link to

    def add(self, kind: FindingKind, piece: Piece, verdict: Verdict, *, hidden_by: str = "") -> None:
        """Keep what makes a finding."""
        if not verdict.is_spam:
            return
        self.company.update(piece.hosts)
        if len(self.listed) >= MAX_FINDINGS:
            return  # it stays out of the body all the same
        excerpt = " ".join(piece.text[: 2 * EXCERPT_CHARS].split())[:EXCERPT_CHARS]
        self.listed.append(
            Finding(
                kind=kind,
                excerpt=excerpt,
                language=language_of_any(excerpt),
                domains=tuple(sorted(piece.hosts)),
                evidence=verdict.evidence,
                score=verdict.score,
                weights=verdict.weights,
                hidden_by=hidden_by or None,
            )
        )
