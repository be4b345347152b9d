"""What tests of your own code need: pytest fixtures over the sandbox, and a fake transport.

Every pytest run on a machine with this package imports this module, so it loads nothing.
"""

from __future__ import annotations
