"""What each route of the station's page asks for."""

from agent.web.people.rights import EVERYWHERE, PEOPLE, of

SPINE = (
    *of("viewer", "GET /events", "GET /live/{name}", "GET /api/v1/status", "GET /api/v1/events", "GET /api/v1/outbox"),
    # A part that a program hands in is the line's doing, and no person's act.
    *of("operator", "POST /api/v1/judge", written=False),
)
HISTORY = (
    *of("viewer", "GET /parts", "GET /parts/{id}", "GET /parts/{id}/picture", "GET /parts/{id}/thumbnail"),
    *of("viewer", "GET /api/v1/inspections", "GET /api/v1/inspections/count", "GET /api/v1/inspections.csv"),
    *of("viewer", "GET /api/v1/inspections/{id}", "GET /api/v1/inspections/{id}/picture"),
)
REVIEW = (
    *of("operator", "GET /review", "GET /review/audit", "GET /review/next", "GET /review/{id}"),
    *of("operator", "GET /review/{id}/thumbnail", "POST /review/{id}", "POST /review/{id}/claim"),
    *of("operator", "GET /review/ledger", "GET /review/ledger.csv"),
    *of("operator", "GET /api/v1/review/ledger", "GET /api/v1/review/ledger/{kind}"),
    *of("operator", "GET /api/v1/reviews", "POST /api/v1/reviews", "GET /api/v1/review/queue"),
)
QUALITY = (
    *of("viewer", "GET /quality", "GET /quality/{name}.csv", "GET /api/v1/quality", "GET /api/v1/quality/control"),
    *of("viewer", "GET /api/v1/quality/causes", "GET /api/v1/quality/places", "GET /api/v1/quality/scores"),
)
SHIFT = (
    *of("viewer", "GET /shift", "GET /shift/now", "GET /shift/runs/{id}", "GET /shift/runs/{id}/hold.csv"),
    *of("viewer", "GET /shift/challenges", "GET /shift/report", "GET /shift/report.pdf", "GET /shift/report.csv"),
    *of("viewer", "GET /api/v1/shifts", "GET /api/v1/shifts/report", "GET /api/v1/challenges/runs"),
    *of("viewer", "GET /api/v1/challenges/runs/{id}", "GET /api/v1/challenges/runs/{id}/hold"),
    *of("viewer", "GET /api/v1/challenges/parts"),
    *of("operator", "POST /shift/start", "POST /shift/next", "POST /shift/end"),
    *of("operator", "POST /api/v1/challenges/start", "POST /api/v1/challenges/next", "POST /api/v1/challenges/end"),
    *of("engineer", "POST /shift/override", "POST /shift/challenges"),
    *of("engineer", "POST /api/v1/challenges/override", "PUT /api/v1/challenges/parts"),
)
UPKEEP = (
    *of("viewer", "GET /setup/events", "GET /setup/events.csv", "GET /setup/storage", "GET /setup/device"),
    *of("viewer", "GET /api/v1/alarms", "GET /api/v1/storage", "GET /api/v1/device"),
    *of("operator", "POST /setup/events/acknowledge", "POST /api/v1/alarms/acknowledge"),
    *of("engineer", "POST /setup/device/support.zip"),
    # Everybody's passwords' hashes and all acts are in it.
    *of("admin", "POST /setup/device/backup"),
)
SETUP = (
    *of("operator", "GET /setup/recipes", "GET /setup/recipes/{name}", "GET /setup/recipes/{name}/reference"),
    *of("engineer", "POST /setup/recipes", "POST /setup/recipes/{name}", "POST /setup/recipes/{name}/undo"),
    *of("operator", "GET /api/v1/recipes", "GET /api/v1/recipes/{name}", "GET /api/v1/recipes/{name}/revisions"),
    *of("operator", "POST /api/v1/recipes/{name}/validate", "POST /api/v1/recipes/{name}/try"),
    *of("engineer", "PUT /api/v1/recipes/{name}", "POST /api/v1/recipes/{name}/undo"),
    *of("operator", "GET /setup/cameras", "GET /setup/cameras/{lane}"),
    *of("operator", "GET /api/v1/cameras", "GET /api/v1/cameras/{lane}"),
    *of("engineer", "POST /setup/cameras/{lane}", "POST /api/v1/cameras/{lane}/mode"),
)
MODELS = (
    *of("operator", "GET /setup/models", "GET /setup/models/m/{model}", "GET /setup/models/held.csv"),
    *of("operator", "GET /setup/models/backtests/{name}", "GET /setup/models/backtests/{name}/report.html"),
    *of("operator", "GET /setup/record", "GET /api/v1/recordings", "GET /api/v1/backtests"),
    *of("operator", "GET /api/v1/backtests/{name}", "GET /api/v1/models", "GET /api/v1/models/errand"),
    *of("operator", "GET /api/v1/models/held", "GET /api/v1/models/disagreements"),
    *of("engineer", "POST /setup/models/activate", "POST /setup/models/rollback", "POST /setup/models/shadow"),
    *of("engineer", "POST /setup/models/canary", "POST /setup/models/seen", "POST /setup/models/backtest"),
    *of("engineer", "POST /api/v1/models/import", "POST /api/v1/models/activate", "POST /api/v1/models/rollback"),
    *of("engineer", "POST /api/v1/models/shadow", "POST /api/v1/models/canary", "POST /api/v1/models/seen"),
    *of("engineer", "POST /api/v1/backtests", "POST /api/v1/backtests/end"),
    *of("engineer", "POST /setup/record", "POST /api/v1/recordings"),
)

RIGHTS = (*EVERYWHERE, *SPINE, *PEOPLE, *HISTORY, *REVIEW, *QUALITY, *SHIFT, *UPKEEP, *SETUP, *MODELS)
