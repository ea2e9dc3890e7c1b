"""A progress bar for commands that may take a while (进度)."""
from __future__ import annotations

import time

SHOWN_AFTER_SECONDS = 2.0


class Bar:
    """A progress bar on standard error that appears only when a run takes a while."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._begun = wanted, time.monotonic()
        self._bar, self._tasks = None, {}

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, stage: str, done: int, of: int) -> None:
        """Moves the bar of a stage."""
        if not self._wanted or time.monotonic() - self._begun < SHOWN_AFTER_SECONDS:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage)
        self._bar.update(self._tasks[stage], completed=done, total=of)
