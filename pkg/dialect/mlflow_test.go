package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestMLflow(t *testing.T) {
	weights := stored("", "runs/r1/m/w%20x.pt", "checkpoint")
	checkStore(t, dialect.MLflow{}, []storeCase{
		{"GET /api/2.0/mlflow-artifacts/artifacts/0/r1/artifacts/m/w%20x.pt", nil, weights},
		{"GET /ajax-api/2.0/mlflow-artifacts/artifacts/0/r1/artifacts/m/w%20x.pt", nil, weights},
		{"GET /get-artifact?path=m%2Fw+x.pt&run_uuid=r1", nil, weights},
		{"GET /get-artifact?path=m/w%20x.pt&run_id=r1", authz.Header{"range": {"bytes=0-7"}}, with(weights, func(op *authz.Operation) { op.Range = "bytes=0-7" })},
		{"GET /api/2.0/mlflow-artifacts/artifacts/0/models/m-1/artifacts/a.pkl", nil, stored("", "models/m-1/a.pkl", "checkpoint")},
		{"GET /ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files?artifact_file_path=a.pkl", nil, stored("", "models/m-1/a.pkl", "checkpoint")},
		{"GET /model-versions/get-artifact?path=a.pkl&name=n&version=3", nil, stored("", "versions/n/3/a.pkl", "checkpoint")},
		{"GET /api/2.0/mlflow-artifacts/artifacts/other/data.parquet", nil, stored("", "artifacts/other/data.parquet", "corpus")},
		{"GET /api/2.0/mlflow-artifacts/artifacts?path=0/r1", nil, list()},
		{"PUT /api/2.0/mlflow-artifacts/artifacts/0/r1/artifacts/a.pt", nil, of(authz.ClassWrite, "", "runs/r1/a.pt", "checkpoint")},
		{"POST /api/2.0/mlflow-artifacts/mpu/create/0/r1/artifacts/a.pt", nil, of(authz.ClassWrite, "", "runs/r1/a.pt", "checkpoint")},
		{"GET /api/2.0/mlflow/runs/get?run_id=r1", nil, of(authz.ClassList, "", "runs/get", "")},
		{"POST /api/2.0/mlflow/runs/search", nil, of(authz.ClassList, "", "runs/search", "")},
		{"POST /api/2.0/mlflow/runs/log-batch", nil, of(authz.ClassWrite, "", "runs/log-batch", "")},
		{"GET /api/2.0/mlflow/model-versions/get-download-uri?name=n", nil, of(authz.ClassList, "", "model-versions/get-download-uri", "")},
		{"POST /api/2.0/mlflow/artifacts/presigned-download-url", nil, with(of(authz.ClassExport, "", "artifacts/presigned-download-url", ""), func(op *authz.Operation) { op.Documents = all })},
		{"GET /api/2.0/mlflow-artifacts/presigned/0/r1/artifacts/m/w%20x.pt", nil, with(weights, func(op *authz.Operation) { op.Class = authz.ClassExport })},
		{"GET /api/3.0/mlflow/server-info", nil, of(authz.ClassList, "", "server-info", "")},
		{"POST /api/2.0/mlflow/webhooks", nil, of(authz.ClassAdmin, "", "webhooks", "")},
		{"GET /api/3.0/mlflow/gateway/secrets/list", nil, of(authz.ClassAdmin, "", "gateway/secrets/list", "")},
		{"GET /health", nil, list()},
	})
	checkUnknown(t, dialect.MLflow{}, "GET /get-artifact?path=a&path=b&run_uuid=r", "GET /get-artifact?path=a&run_uuid=r&run_id=s", "GET /get-artifact?path=a", "GET /get-artifact?run_uuid=r",
		"GET /get-artifact?path=../b&run_uuid=r", "GET /get-artifact?path=/b&run_uuid=r", "GET /get-artifact?path=a%5Cb&run_uuid=r", "GET /get-artifact?path=a&run_uuid=r%2Fs",
		"GET /get-artifact?path=a%252Fb&run_uuid=r", "POST /get-artifact?path=a&run_uuid=r", "GET /graphql", "POST /api/2.0/mlflow/gateway-proxy", "GET /api/2.0/mlflow-artifacts/artifactsX/a",
		"DELETE /api/2.0/mlflow-artifacts/artifacts", "GET /api/2.0/mlflow/logged-models/a/b/artifacts/files?artifact_file_path=a.pkl", "BREW /api/2.0/mlflow/runs/get", "POST /api/3.0/mlflow/server-info", "POST /api/2.0/mlflow-artifacts/presigned/0/r1/artifacts/a")
}
