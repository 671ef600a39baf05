"""OSCP capacity providers: who may send limits of a depot's energy nodes by OSCP, and what their messages mean."""
