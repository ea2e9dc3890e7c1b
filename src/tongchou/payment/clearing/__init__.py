"""Clearing: budgets, point values, monthly payments, the year's end (医保基金结算清算).

See docs/payment-clearing.md. `exact` and `reading` serve the neighbouring packages too.
"""
from .budget import points_text, value_text
from .clear import clear_cases
from .figures import Figures, read_figures
from .files import Cleared, clear_file, summary, write_clearing
from .model import (CASE_AMOUNTS, INSURANCES, PAYMENT_ZH, Budget, Clearing, Flag, HospitalYear,
                    Month, Payment, PointValue, Step)
from .national import national
from .reading import Basis
from .rules import RegionRules, Rules, read_rules
from .schedule import DueOn
from .scored import ScoredCases, ScoredRead, read_scored

__all__ = ["Basis", "Budget", "CASE_AMOUNTS", "Cleared", "Clearing", "DueOn", "Figures", "Flag",
           "HospitalYear", "INSURANCES", "Month", "PAYMENT_ZH", "Payment", "PointValue",
           "RegionRules", "Rules", "ScoredCases", "ScoredRead", "Step", "clear_cases",
           "clear_file", "national", "points_text", "read_figures", "read_rules", "read_scored",
           "summary", "value_text", "write_clearing"]
