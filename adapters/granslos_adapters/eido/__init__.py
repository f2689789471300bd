"""EIDO: handover of a 112 case as data (NENA-STA-021), by ``POST /handover/eido``. See README.md."""
