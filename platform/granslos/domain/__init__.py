"""Rules of dispatch, true with paper and radio too: state + command -> events; state + event -> state.

Pure: no I/O, no clock, no randomness. Folds are total (they never raise, whatever arrives in whatever order), because
a LOG
cannot be sent back; decisions say no with a ``Rejection``, a value.
"""
