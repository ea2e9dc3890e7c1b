"""Stores, clock, packs and services joined: what API, gateway and pages call (floor 6)."""
from .people import InsuredPeople
from .places import Places
from .service import Platform, new_number, utc_now

__all__ = ["InsuredPeople", "Places", "Platform", "manual", "new_number", "utc_now"]
