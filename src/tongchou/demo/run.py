"""Settles the sample under every regime through the batch pipeline (批量演示)."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..claims import mapping as mappings
from ..claims import stream
from ..policy import Pack, load_pack
from . import summary
from .regimes import Regime, sample_claims

Progress = Callable[[str, int, int], None]     # what is going on, done, of


@dataclass(frozen=True)
class Made:
    """One regime settled: what the run said, its sums, and where its files are.

    `run` is the object of `tongchou batch --json`.
    """

    regime: Regime
    pack: Pack
    run: dict[str, object]
    schemes: list[summary.SchemeSums]
    layers: list[summary.LayerSums]
    mapping: Path

    @property
    def written(self) -> list[Path]:
        """The files of this regime: results, rejected rows if there are any, mapping."""
        found = [self.run["out"], self.run["rejects"], self.mapping]
        return [Path(path) for path in found if path]


def settle_regimes(regimes: Sequence[Regime], out: Path,
                   progress: Progress = lambda what, done, of: None) -> list[Made]:
    """Settles the sample under each regime into `out` and checks the sums against the run.

    Raises CaseError (unwritable output) and PackError; a row that cannot be settled stands in
    CITY-REGIME.rejects.parquet, as with `tongchou batch`.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for number, regime in enumerate(regimes):
        progress(regime.pack, number, len(regimes))
        made.append(_settle(regime, out))
    progress("", len(regimes), len(regimes))
    return made


def _settle(regime: Regime, out: Path) -> Made:
    pack = load_pack(regime.pack, regime.profile)
    claims, mapping = sample_claims(), regime.write_mapping(out)
    settled = out / f"{regime.stem}.parquet"
    run = stream.settle_files(pack, claims, settled, mappings.read_mapping(mapping))
    schemes = summary.scheme_sums(pack, claims, mapping, settled)
    summary.check_against(run["totals"], schemes)
    return Made(regime, pack, run, schemes, summary.layer_sums(pack, settled), mapping)
