"""Bounds of the readers, each with its unit. They match the contract's, so that nothing is refused further in."""

DEFECTS_MAX = 200
DEFECT_CHARACTERS_MAX = 200
SOURCE_CHARACTERS_MAX = 256
SHORT_TEXT_CHARACTERS_MAX = 200
LONG_TEXT_CHARACTERS_MAX = 64_000
PERSONAL_CHARACTERS_MAX = 500
CALL_IDS_MAX = 50
ALTERNATIVE_LOCATIONS_MAX = 50

XML_BYTES_MAX = 2_000_000
"""A larger XML document is kept raw and not read."""
XML_ELEMENTS_MAX = 50_000
XML_DEPTH_MAX = 256
"""libxml2's own bound without ``huge_tree``."""
LOCATIONS_MAX = 50
"""Locations read of one PIDF-LO; the document stays raw in whole."""
POINTS_MAX = 2_000
"""Vertices of one shape."""
RADIUS_METRES_MAX = 1_000_000.0
BLOCKS_MAX = 100
"""Additional-data blocks read of one document."""
VALUES_MAX = 500
"""Values read of one block or alert."""
KEPT_CHARACTERS_MAX = 2_000
"""Characters of one part that is kept as it was; the whole message stays raw."""
