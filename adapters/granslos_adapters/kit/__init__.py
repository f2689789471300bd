"""What every adapter process needs and no protocol knows: site file, bus to the nodes, spool, archive, HTTP, runner.

    settings   the site file and the adapter's own table in it
    bus        commands to the own node, then to the others, within one bounded wait; observations; subscriptions
    spool      commands that no node took, on disk, delivered later in order
    archive    bytes that could not travel inside a command, kept on disk by their hash
    delivery   bus, then spool: what a link calls
    auth       bearer tokens, verified with the sites' public keys
    http       health, metrics, problem details, bounded bodies
    app        the process: exit codes, signals, drain

Protocol-neutral 112 codecs live in ``granslos_adapters.emergency``; a protocol in its own folder.
"""
