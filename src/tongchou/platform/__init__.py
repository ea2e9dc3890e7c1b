"""Stores, clock, packs and services joined: what API, gateway and pages call (floor 6)."""
from .delivery import Round, Sender
from .people import InsuredPeople
from .places import Places
from .receivers import receiver_of
from .service import Platform, Wanted, new_number, utc_now

__all__ = ["InsuredPeople", "Places", "Platform", "Round", "Sender", "Wanted", "manual",
           "new_number", "receiver_of", "utc_now"]
