"""The aggregate VehicleRegistry: one stream per tenant."""
