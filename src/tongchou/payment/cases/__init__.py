"""Cases: the table every part of provider payment takes, its reader and its generator (病案)."""
from .generator import generate_cases
from .model import ANYTHING, COLUMNS, GROUPING, REJECTS, SCHEMA, CasesRead, Needs, needs_of
from .reading import iter_cases, read_cases, read_one
from .writing import TableFile, rejects_path

__all__ = ["ANYTHING", "COLUMNS", "GROUPING", "REJECTS", "SCHEMA", "CasesRead", "Needs",
           "TableFile", "generate_cases", "iter_cases", "needs_of", "read_cases", "read_one",
           "rejects_path"]
