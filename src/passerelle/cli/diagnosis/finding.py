"""One thing that was looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    passed: bool
    detail: str
    fix: str | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "check": self.check,
            "passed": self.passed,
            "detail": self.detail,
            "fix": self.fix,
        }
