"""Simulation for a bureau: the same cases under two sets of rules (测算).

See docs/payment-simulation.md.
"""
from .charts import charts
from .comparing import Simulation, simulate
from .files import simulate_file, summary
from .scenario import Scenario, read_scenario
from .scoring import NEEDS, score_scenario

__all__ = ["NEEDS", "Scenario", "Simulation", "charts", "read_scenario", "score_scenario",
           "simulate", "simulate_file", "summary"]
