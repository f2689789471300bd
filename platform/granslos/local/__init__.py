"""Several sites on one machine: real servers, emulated links between the sites, one supervisor.

The demo, the drills and the tests all start sites through this package, so that no way of starting them is only used
in a disaster. Nothing here runs in production: there a site is made by `ops/`.
"""
