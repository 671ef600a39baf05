"""When a charger has which mode: the windows of one rule (`recurrence`) and the timeline of all causes (`timeline`)."""
