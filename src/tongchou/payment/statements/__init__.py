"""What each hospital gets and why, as a statement it can check (清算对账单): Excel and PDF."""
from .files import write_statements
from .model import Deduction, Line, Statement, statements_of
from .pdf import pdf_bytes
from .told import read_told
from .workbook import workbook_bytes

__all__ = ["Deduction", "Line", "Statement", "pdf_bytes", "read_told", "statements_of",
           "workbook_bytes", "write_statements"]
