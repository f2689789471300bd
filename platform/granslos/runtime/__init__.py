"""What the process needs around the rules: settings, logging, metrics, clock, ids, bus connection, limits, tokens.

Here, and nowhere deeper, live the environment, the wall clock, randomness and signals. Nothing here knows an incident.
"""
