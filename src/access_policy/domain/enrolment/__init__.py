"""Enrolment sessions: a charger armed for some minutes, whose next unknown identifier is offered for enrolment."""
