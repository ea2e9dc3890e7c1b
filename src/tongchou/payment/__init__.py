"""Provider payment: what the fund pays hospitals, by groups of cases (医保支付方式, floor 5).

Grouping never touches what a patient pays. A case is a row of one table (`cases`), a scheme is data
(`drg`, `dip`), money is whole fen.
"""
from .cases import SCHEMA, CasesRead, generate_cases, iter_cases, needs_of, read_cases
from .drg import Scheme, group_cases, load_scheme

__all__ = ["SCHEMA", "CasesRead", "Scheme", "cases", "drg", "generate_cases", "group_cases",
           "iter_cases", "load_scheme", "needs_of", "read_cases"]
