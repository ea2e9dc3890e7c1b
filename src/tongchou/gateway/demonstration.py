"""Profiles of the demonstration city's institutions: every family, keys everybody may know (演示).

They are marked; in production nothing of the demonstration is loaded.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .profiles import Profile, Profiles

SECRET = "demonstration-only"          # known on purpose
# In the order of the city's list: a standard client, one like that of S3, one with an apikey, and
# one behind a front of its own; then again.
MANNERS = (("A", "standard", "number", False), ("B", "guangzhou", "number", False),
           ("C", "standard", "text", False), ("E", "standard", "number", True))


def demonstration_profiles(region: str, codes: Sequence[str]) -> list[Profile]:
    """Profiles for institutions in their order."""
    return [_profile(region, code, *MANNERS[place % len(MANNERS)])
            for place, code in enumerate(codes)]


def _profile(region: str, code: str, family: str, dialect: str, infcode: str, wrapped: bool,
             ) -> Profile:
    key = f"demo-{code.lower()}" if family in "AB" else ""
    secret = "" if family == "E" else f"{SECRET}-{code.lower()}"
    return Profile(code, region, family, key, secret, dialect, infcode, wrapped, "warn", True)


def make_demonstration_profiles(profiles: Profiles, region: str, codes: Sequence[str],
                                at: datetime) -> list[Profile]:
    """Puts them where an institution has none; gives those it put."""
    profiles.refresh()
    new = [one for one in demonstration_profiles(region, codes) if profiles.of(one.code) is None]
    for one in new:
        profiles.put(one, "demonstration", at)
    return new
