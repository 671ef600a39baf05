"""Notices: events about something that did not happen in time or that will end soon."""
