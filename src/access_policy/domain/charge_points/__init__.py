"""Who owns a charge point id: one small stream per id, over all tenants."""
