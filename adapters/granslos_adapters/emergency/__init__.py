"""What several 112 protocols share, pure: bytes in, structs and defects out. No I/O, no clock, no sockets.

    limits           every bound of these readers
    defects          what was wrong with a message that was accepted all the same
    texts            strings that fit the contract: printable, bounded
    values           foreign JSON made safe to pass on
    instants         times as senders write them
    xmlsafe          XML from strangers: strict first, lenient second, no entities, no network
    positions        coordinates: systems, plausibility, swapped axes
    numbers          telephone numbers: E.164, short codes
    shapes           geodetic shapes (RFC 5491) to one position with a radius
    pidflo           PIDF-LO location documents
    vcards           xCard and jCard contacts
    additional_data  RFC 7852 blocks, eCall control (RFC 8147), crash data (RFC 8148)
    locations        to the contract's locations; which one is shown first
    cap              Common Alerting Protocol 1.2
    conform          one entry for all of these and the adapters' codecs: ``granslos conform``
    bench            messages a second, of each reader

A reader never raises on what it is given: it returns what it understood, what it kept as it was, and defects.
"""
