"""The books (账簿): double entry in fen, append-only, a hash chain a shard. See docs/ledger.md."""
from .canonical import (NO_HASH, canonical, chain_hash, entry_of, entry_order, evidence,
                        time_text)
from .clearing import (Act, advance_due, advanced_in, deposit_due, file_month, filed_late,
                       find_filing, outstanding, pay_advance, pay_rest, rest_due, review,
                       settle_deposit)
from .clearing_store import Filing, Step, filings
from .close import (CHINA_TIME, Balance, balances_of, close_day, close_file, write_beside,
                    write_close)
from .close_store import StoredClose, closed_days, last_close
from .export import beancount_lines, closed_day, write_trial_balance
from .overdue import Standing, Unfiled, aging, standing, standings, unfiled
from .postings import ACCOUNTS, PERSON, Account, Entry, Posting, negated, postings_of_bill
from .reconcile import Comparison, Line, compare, day_of, open_of, read_lines
from .rules import ClearingRules, clearing_file, read_rules
from .signature_store import CloseSignature
from .signatures import (PublicKey, Signed, check_file, check_signatures, close_signature,
                         public_keys)
from .store import append, entry_seq
from .verify import Finding, Report, verify
from .workdays import Calendar, due_on, read_calendar, workdays_late

__all__ = ["ACCOUNTS", "Account", "Act", "Balance", "CHINA_TIME", "Calendar", "ClearingRules",
           "CloseSignature", "Comparison", "Entry", "Filing", "Finding", "Line", "NO_HASH",
           "PERSON", "Posting", "PublicKey", "Report", "Signed", "Standing", "Step", "StoredClose",
           "Unfiled", "advance_due", "advanced_in", "aging", "append", "balances_of",
           "beancount_lines", "canonical", "chain_hash", "check_file", "check_signatures",
           "clearing_file", "close_day", "close_file", "close_signature", "closed_day",
           "closed_days", "compare", "day_of", "deposit_due", "due_on", "entry_of", "entry_order",
           "entry_seq", "evidence", "file_month", "filed_late", "filings", "find_filing",
           "last_close", "negated", "open_of", "outstanding", "pay_advance", "pay_rest",
           "postings_of_bill", "public_keys", "read_calendar", "read_lines", "read_rules",
           "rest_due", "review", "settle_deposit", "standing", "standings", "time_text", "unfiled",
           "verify", "workdays_late", "write_beside", "write_close", "write_trial_balance"]
