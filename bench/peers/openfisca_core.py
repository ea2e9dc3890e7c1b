"""OpenFisca-Core: parameters in YAML, a class per variable, vectors over persons.

The core keeps one value per (variable, person, period), so claim k of a person-year lies in "day k
of January" and running amounts read the day before. The core's float is float32, which loses fen;
this is its integer variant (int32 fen, widened to int64 inside formulas), the faster and exact one.
"""
from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from openfisca_core.entities import Entity
from openfisca_core.periods import DateUnit
from openfisca_core.periods import period as period_of
from openfisca_core.simulations import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable
from workload import RESULTS, Claims, P

START = "2023-01-01"
INPUTS = ("total", "own", "advance", "level", "category")
KEYED = ("deductible", "ratio", "assistance_ratio", "assistance_deductible", "assistance_cap")
SINGLE = ("basic_cap", "critical_cap", "tilt_deductible", "tilt_ratio", "tilt_cap")
CARRIED = ("basic", "compliant", "critical", "helped", "assistance", "residual", "tilt")


def prepare(claims: Claims) -> TaxBenefitSystem:
    """The system of parameters and variables."""
    person = Entity("person", "persons", "Person-year", "")
    system = TaxBenefitSystem([person])
    with tempfile.TemporaryDirectory() as folder:
        write_parameters(Path(folder))
        system.load_parameters(folder)
    for name in INPUTS:
        add_variable(system, person, name)
    for formula in FORMULAS:
        add_variable(system, person, formula.__name__, formula)
    for name in CARRIED:
        add_variable(system, person, f"{name}_so_far", so_far(name))
    return system


def write_parameters(folder: Path) -> None:
    """A file per parameter, as the core reads them, and the scale of the tiers."""
    values = {name: P[name] for name in SINGLE}
    for name in KEYED:
        values |= {f"{name}_{key}": value for key, value in P[name].items()}
    values |= {f"share_{key}": value for key, value in P["deductible_share"].items()}
    for name, value in values.items():
        text = f"description: {name}\nvalues:\n  {START}:\n    value: {value}\n"
        folder.joinpath(f"{name}.yaml").write_text(text, encoding="utf-8")
    at = f"\n    {START}:\n      value: "
    brackets = "".join(f"- threshold:{at}{edge}\n  rate:{at}{rate}\n" for edge, rate in P["tiers"])
    folder.joinpath("tiers.yaml").write_text(
        f"description: tiers\nmetadata:\n  type: marginal_rate\nbrackets:\n{brackets}",
        encoding="utf-8")


def add_variable(system: TaxBenefitSystem, person: Entity, name: str,
                 formula: Callable | None = None) -> None:
    """An int32 variable of every day, with a formula unless it is an input."""
    body = {"value_type": int, "entity": person, "definition_period": DateUnit.DAY, "label": name}
    if formula:
        body["formula"] = formula
    system.add_variable(type(name, (Variable,), body))


# --- formulas -------------------------------------------------------------------------------------
def so_far(name: str) -> Callable:
    """The formula of a running amount, this day included."""
    def formula(person, period):
        today = person(name, period)
        return today + before(person, f"{name}_so_far", period)
    return formula


def before(person, name, period):
    """A running amount of the day before, nothing on the first."""
    return 0 if period.start.day == 1 else person(name, period.offset(-1))


def keyed(keys, parameters, stem):
    """A parameter by level or category (0 where there is none)."""
    names = [key for key in (1, 2, 3) if f"{stem}_{key}" in parameters]
    return np.select([keys == key for key in names],
                     [parameters[f"{stem}_{key}"] for key in names], 0)


def share_of(amount, rate):
    """Half up to the fen of amount x rate per mille, in int64."""
    return (amount * rate + 500) // 1000


def above(after, amount, line):
    """The part of an amount above a yearly line."""
    return np.maximum(after - line, 0) - np.maximum(after - amount - line, 0)


def wide(amounts):
    """int64, so that fen x per mille does not overflow."""
    return amounts.astype(np.int64)


def eligible(person, period):
    return person("total", period) - person("own", period) - person("advance", period)


def deductible(person, period, parameters):
    p = parameters(period)
    share = p[f"share_{min(period.start.day, 3)}"]
    return np.minimum(person("eligible", period),
                      keyed(person("level", period), p, "deductible") * share // 1000)


def basic(person, period, parameters):
    p = parameters(period)
    counted = wide(person("eligible", period)) - person("deductible", period)
    return np.minimum(share_of(counted, keyed(person("level", period), p, "ratio")),
                      p.basic_cap - before(person, "basic_so_far", period))


def compliant(person, period):
    return person("eligible", period) - person("basic", period) + person("advance", period)


def critical(person, period, parameters):
    p = parameters(period)
    high = wide(person("compliant_so_far", period))
    low = high - person("compliant", period)
    edges = [int(edge) for edge in p.tiers.thresholds]
    worth = 0
    for k, rate in enumerate(p.tiers.rates):
        top = np.minimum(high, edges[k + 1]) if k + 1 < len(edges) else high
        worth = worth + np.maximum(top - np.maximum(low, edges[k]), 0) * int(rate)
    return np.minimum((worth + 500) // 1000,
                      p.critical_cap - before(person, "critical_so_far", period))


def burden(person, period):
    return person("compliant", period) - person("critical", period)


def helped(person, period):
    return person("burden", period) * (person("category", period) > 0)


def assistance(person, period, parameters):
    p, category = parameters(period), person("category", period)
    counted = above(wide(person("helped_so_far", period)), person("helped", period),
                    keyed(category, p, "assistance_deductible"))
    return np.minimum(share_of(counted, keyed(category, p, "assistance_ratio")),
                      keyed(category, p, "assistance_cap")
                      - before(person, "assistance_so_far", period))


def residual(person, period):
    return person("helped", period) - person("assistance", period)


def tilt(person, period, parameters):
    p = parameters(period)
    counted = above(wide(person("residual_so_far", period)), person("residual", period),
                    p.tilt_deductible)
    return np.minimum(share_of(counted, p.tilt_ratio),
                      p.tilt_cap - before(person, "tilt_so_far", period))


def personal(person, period):
    return person("burden", period) - person("assistance", period) - person("tilt", period) \
        + person("own", period)


FORMULAS = (eligible, deductible, basic, compliant, critical, burden, helped, assistance, residual,
            tilt, personal)


# --- a run ----------------------------------------------------------------------------------------
def settle(system: TaxBenefitSystem, claims: Claims) -> Claims:
    """Sets the inputs day by day, then asks for the results in the order of days.

    The order matters: asked for the last day first, the core gives wrong amounts in silence.
    """
    persons = len(claims["first"]) - 1
    simulation = SimulationBuilder().build_default_simulation(system, count=persons)
    days = range(1, int(claims["number"].max()) + 1)
    rows = {day: np.flatnonzero(claims["number"] == day) for day in days}
    periods = {day: period_of(f"2023-01-{day:02d}") for day in days}
    category = claims["category"][claims["first"][:-1]].astype(np.int32)
    for day in days:
        who = claims["person"][rows[day]]
        for name in ("total", "own", "advance", "level"):
            values = np.zeros(persons, np.int32)
            values[who] = claims[name][rows[day]]
            simulation.set_input(name, periods[day], values)
        simulation.set_input("category", periods[day], category)
    found = {name: np.empty(len(claims["total"]), np.int64) for name in RESULTS}
    for day in days:
        who = claims["person"][rows[day]]
        for name in RESULTS:
            found[name][rows[day]] = simulation.calculate(name, periods[day])[who]
    return found
