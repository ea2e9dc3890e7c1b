"""What each transaction does (交易处理), a module for each chapter of the interface.

Every module has `HANDLERS`: infno -> a function of a Call that gives an Answer.
"""
from collections.abc import Mapping

from ..call import Handler
from . import (audit, catalogues, dispensing, drugstore, entitlement, files, filing, inpatient,
               outpatient, people, person_queries, prescriptions, queries, reconciliation, reversal,
               settlement_list)

CHAPTERS = (people, entitlement, outpatient, inpatient, drugstore, filing, queries, person_queries,
            prescriptions, dispensing, reversal, reconciliation, files, catalogues, audit,
            settlement_list)


def offered() -> Mapping[str, Handler]:
    """infno -> handler of every transaction offered here."""
    return {infno: handler for chapter in CHAPTERS for infno, handler in chapter.HANDLERS.items()}
