"""Fixtures of this folder; they live in a module of their own name, so that tests may import it."""
from gateway_city import *  # noqa: F403
