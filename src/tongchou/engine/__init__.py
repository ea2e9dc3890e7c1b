"""The engine: from a pack and claims to flows of money, pure and exact (floor 3).

What is listed here needs neither numpy nor numba, so that one case settles at once; the compiled
plan and the kernel are modules of their own, loaded by who needs them.
"""
from .contribution import ContributionShare, contribution_shares
from .flows import Flow, amount_fields, budget_split, flows_of
from .records import LayerTrace, Settlement, State
from .reference import RuleCache, claim_order, settle_claim, settle_year
from .rules import LayerRule, resolve
from .situation import Claim, Person, Situation, StatusSpan, situate

__all__ = ["Claim", "ContributionShare", "Flow", "LayerRule", "LayerTrace", "Person", "RuleCache",
           "Settlement", "Situation", "State", "StatusSpan", "amount_fields", "budget_split",
           "checks", "claim_order", "columns", "compile", "compiled_cache", "contribution_shares",
           "explain", "flows_of", "kernel", "picture", "plan", "replay", "resolve", "settle_claim",
           "settle_year", "situate", "situation", "specialise", "trace"]
