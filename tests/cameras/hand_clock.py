"""A clock that a test moves by hand."""

from pipelines.values import Stamp


class HandClock:
    """Stands still until `forward` is called; each reading may move it on by `step_ns`."""

    def __init__(self, step_ns: int = 0) -> None:
        self.mono_ns = 1_000_000_000
        self._step_ns = step_ns

    def now(self) -> Stamp:
        self.mono_ns += self._step_ns
        return Stamp(utc_us=1_800_000_000_000_000 + self.mono_ns // 1000, mono_ns=self.mono_ns, boot="b" * 36)

    def forward(self, seconds: float) -> None:
        self.mono_ns += round(seconds * 1e9)
