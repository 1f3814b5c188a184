"""How a ticket is made: constructions that choose, by exact subset sums, what pruning keeps."""

from certify.ticket.given import find_ticket_in
from certify.ticket.theorem1 import Ticket, find_ticket

__all__ = ["Ticket", "find_ticket", "find_ticket_in"]
