"""This site's own events, hash-chained, committed together with their effect on the read model by one writer task."""
