"""Texts for refused drivers, in the languages of depots: gettext catalogues, one file per language."""
