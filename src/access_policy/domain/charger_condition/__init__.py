"""What a charger reports of itself: connection, boot, faults. Facts, no decisions; one stream per charger."""
