"""How a ticket is made: constructions that choose, by exact subset sums, what pruning keeps."""

from certify.ticket.given import find_ticket_in
from certify.ticket.theorem1 import Ticket, find_ticket
from certify.ticket.theorem2 import find_copies

__all__ = ["Ticket", "find_copies", "find_ticket", "find_ticket_in"]
