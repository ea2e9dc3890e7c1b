"""How one case becomes an amount or points: every method that a region may settle (支付方法)."""
from .columns import CaseColumns, Groups, columns_of, read_groups
from .files import cases_of, price_file, weigh_file
from .price import price_cases
from .priced import ACCOUNTS, PRICED, REASONS, Priced
from .rules import Rules, read_rules
from .weighing import Weighing, read_weighing, weigh, weight_table

__all__ = ["ACCOUNTS", "PRICED", "REASONS", "CaseColumns", "Groups", "Priced", "Rules", "Weighing",
           "cases_of", "columns_of", "price_cases", "price_file", "read_groups", "read_rules",
           "read_weighing", "weigh", "weigh_file", "weight_table"]
