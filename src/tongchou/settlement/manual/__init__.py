"""Manual reimbursement (手工报销, BJ-50..BJ-52): a case from the counter to the bank account.

`model` is pure: what a case is and what may happen to it next. `service` writes every step once.
"""
from .answer import shown
from .model import (EVENTS, REASONS, Case, Deduction, Event, NewCase, accepted_parts, clock_runs,
                    missing_documents)
from .overdue import Standing, standing
from .rules import ManualRules, manual_file, read_manual_rules
from .service import ManualService, Step

__all__ = ["Case", "Deduction", "EVENTS", "Event", "ManualRules", "ManualService", "NewCase",
           "REASONS", "Standing", "Step", "accepted_parts", "clock_runs", "manual_file",
           "missing_documents", "read_manual_rules", "shown", "standing"]
