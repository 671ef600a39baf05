"""How the service is assembled: one container per package (dependency-injector). `access_policy.container` joins them."""
