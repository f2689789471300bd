"""``python -m granslos_adapters.eido --config SITE.toml``."""

import sys

from granslos_adapters.eido.link import NAME, build
from granslos_adapters.eido.settings import EidoSettings
from granslos_adapters.kit.app import main

if __name__ == "__main__":
    sys.exit(main(NAME, EidoSettings, build))
