"""Which regimes the demonstration settles, and how the sample becomes their claims (样本映射).

`samples/rand_hie/mapping.yaml` holds what all regimes share, `packs.yaml` what one needs besides.
"""
from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..errors import CaseError
from ..policy import parse_yaml, read_text


@dataclass(frozen=True)
class Regime:
    """One pack with the profile it runs under and the complete mapping of the sample to it.

    `mapping` is the mapping file as plain data (docs/claims-files.md); `own` are the assumptions
    that hold for this regime only.
    """

    pack: str
    profile: str
    mapping: dict[str, object]
    own: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name of its files: CITY-REGIME."""
        return self.pack.replace("/", "-")

    @property
    def shared(self) -> tuple[str, ...]:
        """The assumptions that all regimes share."""
        said = self.mapping["assumptions"]
        return tuple(said[:len(said) - len(self.own)])

    def write_mapping(self, folder: Path) -> Path:
        """Writes the complete mapping, for the run and for `tongchou batch --mapping`."""
        import yaml
        path = folder / f"{self.stem}.mapping.yaml"
        text = yaml.safe_dump(self.mapping, allow_unicode=True, sort_keys=False, width=96)
        path.write_text(text, encoding="utf-8")
        return path


def sample_folder() -> Path:
    """The folder of the sample: claims.csv, mapping.yaml, packs.yaml, README.md."""
    return samples() / "rand_hie"


def sample_claims() -> Path:
    """The claims of the sample."""
    return sample_folder() / "claims.csv"


def samples() -> Path:
    """The folder of everything that ships as a sample."""
    return Path(str(resources.files("tongchou").joinpath("samples")))


def read_regimes() -> list[Regime]:
    """The regimes of packs.yaml in their order. Raises CaseError for a file that is not YAML."""
    shared = _plain(sample_folder() / "mapping.yaml")
    return [_regime(shared, entry) for entry in _plain(sample_folder() / "packs.yaml")]


def _plain(path: Path) -> object:
    return parse_yaml(read_text(path, CaseError), path.name, CaseError).plain()


def _regime(shared: dict[str, object], entry: dict[str, object]) -> Regime:
    own = tuple(entry["assumptions"])
    mapping = {"pack": entry["pack"], "profile": entry["profile"], **shared,
               "columns": {**shared["columns"], **entry.get("columns", {})},
               "assumptions": [*shared["assumptions"], *own]}
    return Regime(entry["pack"], entry["profile"], mapping, own)
