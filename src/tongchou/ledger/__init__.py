"""The books (账簿): double entry in fen, append-only, one hash chain a shard. See docs/ledger.md."""
from .canonical import NO_HASH, canonical, chain_hash, entry_of, entry_order, time_text
from .close import CHINA_TIME, Balance, balances_of, close_day, write_close
from .close_store import StoredClose, last_close
from .export import beancount_lines, write_trial_balance
from .postings import ACCOUNTS, PERSON, Account, Entry, Posting, negated, postings_of_bill
from .store import append, entry_seq
from .verify import Finding, Report, verify

__all__ = ["ACCOUNTS", "Account", "Balance", "CHINA_TIME", "Entry", "Finding", "NO_HASH",
           "PERSON", "Posting", "Report", "StoredClose", "append", "balances_of",
           "beancount_lines", "canonical",
           "chain_hash", "close_day", "entry_of", "entry_order", "entry_seq", "last_close",
           "negated", "postings_of_bill", "time_text", "verify", "write_close",
           "write_trial_balance"]
