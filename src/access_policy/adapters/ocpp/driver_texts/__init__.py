"""What drivers read when they are refused, in the languages of depots: gettext catalogues, one file a language."""
