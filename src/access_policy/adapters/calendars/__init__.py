"""iCalendar files (RFC 5545) as holiday calendars."""
