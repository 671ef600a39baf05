"""The aggregate ChargerAccessPolicy: one stream per charger."""
