"""What each transaction does (交易处理), a module for each chapter of the interface.

Every module has `HANDLERS`: infno -> a function of a Call that gives an Answer.
"""
from collections.abc import Mapping

from ..call import Handler
from . import drugstore, inpatient, outpatient, people, reversal

CHAPTERS = (people, outpatient, inpatient, drugstore, reversal)


def offered() -> Mapping[str, Handler]:
    """infno -> handler of every transaction offered here."""
    return {infno: handler for chapter in CHAPTERS for infno, handler in chapter.HANDLERS.items()}
