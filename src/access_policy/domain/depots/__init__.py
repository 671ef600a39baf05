"""A depot: a site with a time zone and a language; one small stream each."""
