"""Facts for the audit that no aggregate records: reads of sensitive values."""
