"""How the service is assembled: one container per package (dependency-injector), joined by `access_policy.container`."""
