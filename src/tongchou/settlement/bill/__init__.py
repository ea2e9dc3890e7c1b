"""A bill split into the four national parts, line by line and then summed (费用四分)."""
from .codec import bill_of, bill_row, fee_line
from .model import REASONS, FeeLine, SplitBill, SplitLine, SplitRules, Visit
from .split import compare_parts, split_bill

__all__ = ["REASONS", "FeeLine", "SplitBill", "SplitLine", "SplitRules", "Visit", "bill_of",
           "bill_row", "compare_parts", "fee_line", "split_bill"]
