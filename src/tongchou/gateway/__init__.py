"""The payer's end of the national provider interface (接口网关, floor 7). See docs/gateway.md."""
from .application import BASE, GatewayApplication
from .call import Desk
from .console import Console
from .demonstration import demonstration_profiles, make_demonstration_profiles
from .message_store import REHEARSAL
from .profiles import Profile, Profiles
from .service import Gateway

__all__ = ["BASE", "Console", "Desk", "Gateway", "GatewayApplication", "Profile", "Profiles",
           "REHEARSAL", "console_routes", "demonstration_profiles",
           "make_demonstration_profiles", "settlement_lists"]
