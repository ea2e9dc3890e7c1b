"""DRG: a grouping scheme as data, compiled, and cases placed by it with a reason (按病组付费).

Reading a scheme needs no compiled code; grouping loads the kernel.
"""
from .explain import explain_case
from .files import group_file, read_code_maps
from .grouper import GROUPED, REASONS, group_cases
from .rule_text import read_rule
from .scheme import TUTORIAL, Scheme, load_scheme
from .trace import TRACE

__all__ = ["GROUPED", "REASONS", "TRACE", "TUTORIAL", "Scheme", "explain_case", "group_cases",
           "group_file", "load_scheme", "read_code_maps", "read_rule"]
