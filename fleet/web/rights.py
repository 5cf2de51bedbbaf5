"""What each route of the fleet's page asks for."""

from agent.web.people.rights import EVERYWHERE, PEOPLE, of

STATIONS = (
    *of("viewer", "GET /live/stations", "GET /sites/{site}", "GET /sites/{site}/{line}"),
    *of("viewer", "GET /sites/{site}/{line}/{station}", "GET /compare", "GET /alarms"),
)
EXPORT = of("viewer", "GET /export", "GET /export/{name}")
NOTICES = of("engineer", "GET /setup/notices")
INTAKE = of("viewer", "GET /setup/sync", "GET /setup/aside")
MODELS = (
    *of("viewer", "GET /models", "GET /models/rollouts/{rollout}", "GET /live/rollouts/{rollout}"),
    *of("engineer", "POST /api/v1/models", "POST /models/rollouts", "POST /models/rollouts/{rollout}/stop"),
    *of("engineer", "POST /models/rollouts/{rollout}/go-on", "POST /models/rollouts/{rollout}/cancel"),
    # Stations load from here; who knows the token may.
    *of("open", "GET /files/{token}/{name}"),
)
REST = (
    *of("viewer", "GET /api/v1/stations", "GET /api/v1/sums", "GET /api/v1/pareto", "GET /api/v1/windows"),
    *of("viewer", "GET /api/v1/alarms", "GET /api/v1/events", "GET /api/v1/set-aside", "GET /api/v1/refusals"),
)

RIGHTS = (*EVERYWHERE, *PEOPLE, *STATIONS, *EXPORT, *INTAKE, *NOTICES, *MODELS, *REST)
