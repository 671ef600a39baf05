"""`/oscp/2.0`: OSCP 2.0 for capacity providers. The service is the flexibility provider."""
