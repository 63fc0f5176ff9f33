"""MLflow's own tracking server, with its proxy for artifacts, in one process that ends with a signal. It talks much, into mlflow.log.

Usage: server.py PORT DIRECTORY. The variables are those that the command "mlflow server" sets for its workers.
"""

import os
import sys

port, directory = int(sys.argv[1]), os.path.abspath(sys.argv[2])
log = os.open("mlflow.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
os.dup2(log, 1)
os.dup2(log, 2)
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", _MLFLOW_SERVER_FILE_STORE=f"sqlite:///{directory}/mlflow.db",
    _MLFLOW_SERVER_REGISTRY_STORE=f"sqlite:///{directory}/mlflow.db", _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
    _MLFLOW_SERVER_SERVE_ARTIFACTS="true", _MLFLOW_SERVER_ARTIFACT_DESTINATION=f"{directory}/artifacts",
)

from mlflow.server import app, handlers  # noqa: E402: reads the variables once
from werkzeug.serving import make_server  # noqa: E402

handlers.initialize_backend_stores(os.environ["_MLFLOW_SERVER_FILE_STORE"], os.environ["_MLFLOW_SERVER_REGISTRY_STORE"], "mlflow-artifacts:/")
make_server("127.0.0.1", port, app, threaded=True).serve_forever()
