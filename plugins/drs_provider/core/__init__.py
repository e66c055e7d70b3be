"""PURE ground of every layer: accounts, identity, states, signatures, events, times, other people's text."""
