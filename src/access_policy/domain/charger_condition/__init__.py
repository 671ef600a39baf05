"""A charger's reports about itself: connection, boot, faults. Reports, not decisions; one stream per charger."""
