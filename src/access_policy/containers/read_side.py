"""The read models, the views on them, and the follower that feeds them."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.read_models.progress import ReadModelProgress
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.follower import Follower
from access_policy.application.tracing import traced_projection
from access_policy.settings import Settings


class ReadSide(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    stores = providers.DependenciesContainer()

    models = providers.Resource(ReadModels, settings.provided.read_models_location)
    views = providers.Singleton(SqlViews, models.provided.engine)
    progress = providers.Singleton(ReadModelProgress, stores.store, models)
    follower = providers.Singleton(
        Follower,
        "read models",
        stores.store,
        providers.Callable(traced_projection, models.provided.follow, stores.traces, "read models"),
        models.provided.followed_to,
        types=models.provided.types,
        with_unreadable=True,
    )
