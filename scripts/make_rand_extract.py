"""Make the sample claims of `src/tongchou/samples/rand_hie` from the file that statsmodels ships.

The source has one row per person and study year with the year's spending by kind. A settlement
needs claims, so each kind of spending becomes one claim, and inpatient spending becomes one claim
per admission. The README beside the output states every simplification.

    pip install statsmodels
    python scripts/make_rand_extract.py --source .../statsmodels/datasets/randhie/src/randhie.csv

The same source gives the same bytes: rows are sorted, amounts are decimal, never float.
"""

import argparse
import csv
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

OUT = Path(__file__).parent.parent / "src" / "tongchou" / "samples" / "rand_hie" / "claims.csv"
COLUMNS = ["person", "year", "age", "sex", "family_size", "kind", "admission", "usd"]
# Sites 2 and 5 stay out: whoever fits something to this sample can check it on people it has
# never seen (`--sites 2,5`).
SITES = "1,3,4,6"


def cents_of(text: str) -> int:
    """Return the cents of a dollar amount as the source writes it, rounded half up."""
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def split_evenly(total_cents: int, shares: int) -> list[int]:
    """Return `shares` parts of a total; the cents that do not divide go to the first."""
    share_cents, rest_cents = divmod(total_cents, shares)
    parts = [share_cents + rest_cents] + [share_cents] * (shares - 1)
    assert sum(parts) == total_cents
    return parts


def claims_of(row: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    """Yield kind, number of the admission (0 outside hospital) and cents of one person-year."""
    for kind, column in (("outpatient", "outpdol"), ("drug", "drugdol")):
        cents = cents_of(row[column])
        if cents > 0:
            yield kind, 0, cents
    # A few person-years have inpatient spending but no admission: they give one claim.
    admissions = max(int(row["totadm"]), 1)
    for number, cents in enumerate(split_evenly(cents_of(row["inpdol"]), admissions), start=1):
        if cents > 0:
            yield "inpatient", number, cents


def person_of(row: dict[str, str]) -> list[str]:
    """Return the columns about the person: age in full years, sex as national code 1 or 2."""
    sex = "2" if row["female"] == "1" else "1"
    return [row["zper"], row["year"], str(int(Decimal(row["xage"]))), sex, row["num"]]


def make_extract(source: Path, out: Path, sites: set[str]) -> dict[str, int]:
    """Write the claims of the chosen sites to `out` and return the counts for the README."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["site"] in sites]
    rows.sort(key=lambda row: (int(row["zper"]), int(row["year"])))
    counts = {"people": len({row["zper"] for row in rows}), "person-years": len(rows)}
    counts.update({"without a claim": 0, "outpatient": 0, "drug": 0, "inpatient": 0, "cents": 0})
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            claims = list(claims_of(row))
            counts["without a claim"] += not claims
            for kind, admission, cents in claims:
                usd = f"{cents // 100}.{cents % 100:02d}"
                writer.writerow([*person_of(row), kind, admission, usd])
                counts[kind] += 1
                counts["cents"] += cents
    return counts


def main() -> None:
    """Read the command line, write the extract and print its counts."""
    parser = argparse.ArgumentParser(description="Make the RAND sample claims.")
    parser.add_argument("--source", type=Path, required=True, help="randhie.csv of statsmodels")
    parser.add_argument("--out", type=Path, default=OUT, help="where the claims go")
    parser.add_argument("--sites", default=SITES, help=f"sites to take, by default {SITES}")
    options = parser.parse_args()
    counts = make_extract(options.source, options.out, set(options.sites.split(",")))
    for name, count in counts.items():
        print(f"{name}: {count:,}")


if __name__ == "__main__":
    main()
