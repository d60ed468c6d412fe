"""What a capture did wrong, found before any host is blamed.

``rows`` works on the rows of one flow, before anything is judged; ``signs`` on judged traffic; ``softening`` counts
which verdicts a fault explains.
"""

from pcapcheck.faults.rows import by_vlan, copies, identity_of

__all__ = ["by_vlan", "copies", "identity_of"]
