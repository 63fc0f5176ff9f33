package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// MLflow is the API of an MLflow tracking server with its proxy for artifacts. Source: mlflow 3.17.2, the routes of its server; what
// its web pages call (/ajax-api) is the same. An artifact of a run is runs/RUN/PATH and one of a logged model models/MODEL/PATH, whether a
// path or a parameter names it; one of a version of a registered model is versions/NAME/VERSION/PATH, since where that lies the server alone
// knows.
type MLflow struct{ store }

// Name implements Dialect.
func (MLflow) Name() string { return "mlflow" }

// Head implements Dialect.
func (MLflow) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	if overridesMethod(h) {
		return unknown()
	}
	switch path {
	case "/health", "/version", "/":
		if method == "GET" || method == "HEAD" {
			return complete(authz.ClassList)
		}
		return unknown()
	case "/get-artifact":
		return mlflowNamed(method, rawQuery, h, "runs/", "path", "run_uuid")
	case "/model-versions/get-artifact":
		return mlflowNamed(method, rawQuery, h, "versions/", "path", "name", "version")
	}
	rest, ok := mlflowAPI(path)
	if !ok {
		return unknown()
	}
	if artifact, ok := strings.CutPrefix(rest, "mlflow-artifacts/"); ok {
		return mlflowProxied(method, artifact, h)
	}
	call, ok := strings.CutPrefix(rest, "mlflow/")
	if !ok {
		return unknown()
	}
	if id, ok := strings.CutSuffix(call, "/artifacts/files"); ok {
		if id, ok = strings.CutPrefix(id, "logged-models/"); ok && !strings.Contains(id, "/") {
			return mlflowNamed(method, rawQuery, h, "models/"+id+"/", "artifact_file_path")
		}
		return unknown()
	}
	if class := mlflowClass(method, call); class != authz.ClassUnknown {
		op := authz.Operation{Class: class, Complete: true, Object: call}
		if class == authz.ClassExport {
			op.Documents = authz.Unbounded
		}
		return op
	}
	return unknown()
}

// mlflowAPI returns what follows /api/2.0/ and the like.
func mlflowAPI(path string) (rest string, ok bool) {
	for _, prefix := range [...]string{"/api/2.0/", "/api/3.0/", "/ajax-api/2.0/", "/ajax-api/3.0/"} {
		if rest, ok = strings.CutPrefix(path, prefix); ok {
			return rest, true
		}
	}
	return "", false
}

// mlflowProxied is what is done with an artifact by its path below the root of all artifacts.
func mlflowProxied(method, rest string, h authz.Header) authz.Operation {
	if path, ok := strings.CutPrefix(rest, "presigned/"); ok { // where the store behind has it, for anybody who is told
		if method != "GET" || path == "" {
			return unknown()
		}
		op := read(mlflowObject(path), h)
		op.Class = authz.ClassExport
		return op
	}
	if call, ok := strings.CutPrefix(rest, "mpu/"); ok {
		action, path, _ := strings.Cut(call, "/")
		if method != "POST" || path == "" || action != "create" && action != "complete" && action != "abort" {
			return unknown()
		}
		return authz.Operation{Class: authz.ClassWrite, Complete: true, Object: mlflowObject(path), Artifact: artifactOf(path)}
	}
	path, ok := strings.CutPrefix(rest, "artifacts")
	path = strings.TrimPrefix(path, "/")
	switch {
	case !ok || rest != "artifacts" && !strings.HasPrefix(rest, "artifacts/"):
		return unknown()
	case path == "" && method == "GET":
		return complete(authz.ClassList)
	case path == "":
		return unknown()
	case method == "GET" || method == "HEAD":
		return read(mlflowObject(path), h)
	case method == "PUT" || method == "DELETE":
		return authz.Operation{Class: authz.ClassWrite, Complete: true, Object: mlflowObject(path), Artifact: artifactOf(path)}
	}
	return unknown()
}

// mlflowObject is the name of an artifact by its path: EXPERIMENT/RUN/artifacts/PATH and EXPERIMENT/models/MODEL/artifacts/PATH are those of
// a run and of a logged model; any other is itself.
func mlflowObject(path string) string {
	experiment, rest, _ := strings.Cut(path, "/")
	kind := "runs/"
	if model, ok := strings.CutPrefix(rest, "models/"); ok {
		kind, rest = "models/", model
	}
	id, artifact, ok := strings.Cut(rest, "/artifacts/")
	if !ok || id == "" || strings.Contains(id, "/") || artifact == "" || experiment == "" || !consists(experiment, "0123456789") {
		return "artifacts/" + path
	}
	return kind + id + "/" + artifact
}

// mlflowNamed is the reading of an artifact whose path the parameter at names, and its owner, to be put behind object, those others.
func mlflowNamed(method, rawQuery string, h authz.Header, object, at string, owner ...string) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || method != "GET" && method != "HEAD" {
		return unknown()
	}
	known := []string{at}
	for _, name := range owner {
		if name == "run_uuid" && !q.has(name) {
			name = "run_id" // its other name; with both there is one too many
		}
		id := q.get(name)
		if id == "" || strings.Contains(id, "/") {
			return unknown()
		}
		known = append(known, name)
		object += id + "/"
	}
	artifact, ok := canonicalKey(q.get(at))
	owned, fine := canonicalKey(object)
	if !ok || !fine || !q.only("", known...) {
		return unknown()
	}
	return read(owned+artifact, h)
}

// mlflowClass is the class of a call by its name.
func mlflowClass(method, call string) authz.Class {
	resource, _, _ := strings.Cut(call, "/")
	last := call[strings.LastIndexByte(call, '/')+1:]
	reads := method == "GET" || method == "HEAD"
	writes := method == "POST" || method == "PATCH" || method == "PUT" || method == "DELETE"
	switch {
	case !reads && !writes:
		return authz.ClassUnknown
	case call == "artifacts/presigned-download-url", resource == "traces" && reads, resource == "datasets" && last == "records" && reads,
		resource == "traces" && (last == "search" || last == "batchGetInfos"), call == "get-trace-artifact" && reads:
		return authz.ClassExport
	}
	switch resource {
	case "gateway", "workspaces", "users", "permissions", "webhooks":
		return authz.ClassAdmin
	case "server-info": // what the server can do: clients ask before they transfer
		if reads {
			return authz.ClassList
		}
		return authz.ClassUnknown
	case "experiments", "runs", "metrics", "registered-models", "model-versions", "logged-models", "traces", "datasets", "artifacts", "upload-artifact":
	default:
		return authz.ClassUnknown
	}
	switch {
	case reads, method == "POST" && (last == "search" || last == "get-latest-versions" || last == "search-datasets"):
		return authz.ClassList
	}
	return authz.ClassWrite
}
