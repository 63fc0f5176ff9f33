package dialect

import (
	"maps"
	"slices"

	"github.com/weirgate/weir/pkg/authz"
)

// api is a dialect, and the kind of target that it is made for: weights stands for all that is stored as objects, and http is made for none.
type api struct {
	dialect Dialect
	kind    authz.TargetKind
}

// apis are the dialects by the names that a target's configuration may use. It is a map because it is read on the request path.
var apis = map[string]api{ //nolint:gochecknoglobals // a constant
	"openai":   {OpenAI{}, authz.KindInference},
	"tei":      {TEI{}, authz.KindInference},
	"ollama":   {Ollama{}, authz.KindInference},
	"vllm":     {VLLM{}, authz.KindInference},
	"llamacpp": {LlamaCPP{}, authz.KindInference},
	"infinity": {Infinity{}, authz.KindInference},
	"cohere":   {Cohere{}, authz.KindInference},
	"voyage":   {Voyage{}, authz.KindInference},
	"jina":     {Jina{}, authz.KindInference},
	"mistral":  {Mistral{}, authz.KindInference},
	"gemini":   {Gemini{}, authz.KindInference},
	"vertex":   {Vertex{}, authz.KindInference},
	"bedrock":  {Bedrock{}, authz.KindInference},
	"kserve":   {KServe{}, authz.KindInference},

	"chroma":        {Chroma{}, authz.KindVectorDB},
	"qdrant":        {Qdrant{}, authz.KindVectorDB},
	"weaviate":      {Weaviate{}, authz.KindVectorDB},
	"milvus":        {Milvus{}, authz.KindVectorDB},
	"pinecone":      {Pinecone{}, authz.KindVectorDB},
	"elastic":       {Elastic{}, authz.KindVectorDB},
	"elasticsearch": {Elastic{}, authz.KindVectorDB},
	"opensearch":    {Elastic{}, authz.KindVectorDB},
	"postgrest":     {PostgREST{}, authz.KindVectorDB},
	"lancedb":       {LanceDB{}, authz.KindVectorDB},
	"turbopuffer":   {Turbopuffer{}, authz.KindVectorDB},
	"s3vectors":     {S3Vectors{}, authz.KindVectorDB},

	"s3":         {S3{}, authz.KindWeights},
	"s3-virtual": {S3{Hosted: true}, authz.KindWeights},
	"hub":        {Hub{}, authz.KindWeights},
	"mlflow":     {MLflow{}, authz.KindWeights},
	"oci":        {OCI{}, authz.KindWeights},
	"git-lfs":    {GitLFS{}, authz.KindWeights},
	"gcs":        {GCS{}, authz.KindWeights},
	"azureblob":  {AzureBlob{}, authz.KindWeights},
	"files":      {Files{}, authz.KindWeights},

	"http": {HTTP{}, ""},
	"none": {HTTP{}, ""},
	"":     {HTTP{}, ""},
}

// ByName returns the dialect of that name; "none" and the empty name are "http", and there are other names of "elastic".
func ByName(name string) (Dialect, bool) {
	a, ok := apis[name]
	return a.dialect, ok
}

// Names returns the known names, sorted, each dialect's own only.
func Names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(apis)), func(name string) bool { return apis[name].dialect.Name() != name })
}

// Serves reports whether a dialect's API has what a target of that kind is asked for. Where it has not, its requests are unknown ones, and
// no object of it is recognised. The documents of a vector database may be somebody's corpus; of http nothing is known.
func Serves(d Dialect, k authz.TargetKind) bool {
	stored := k != authz.KindInference && k != authz.KindVectorDB
	switch apis[d.Name()].kind {
	case authz.KindInference:
		return k == authz.KindInference
	case authz.KindVectorDB:
		return k == authz.KindVectorDB || k == authz.KindCorpus
	case authz.KindWeights:
		return stored
	default:
		return true
	}
}
