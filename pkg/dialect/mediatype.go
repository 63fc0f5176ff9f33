package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// ArtifactByType recognises an object by the media type of its answer; the zero value is nothing that is guarded. The layers of models are
// those that Ollama, Docker, KitOps and tools of the CNCF's model format (ModelPack) write.
func ArtifactByType(mediaType string) authz.Artifact {
	t, _, _ := strings.Cut(mediaType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	checkpoint := func(format string) authz.Artifact {
		return authz.Artifact{Class: authz.ArtifactCheckpoint, Format: format}
	}
	corpus := func(format string) authz.Artifact { return authz.Artifact{Class: authz.ArtifactCorpus, Format: format} }
	switch t {
	case "application/vnd.ollama.image.model", "application/vnd.ollama.image.adapter", "application/vnd.ollama.image.projector", "application/x-gguf",
		"application/gguf", "application/vnd.docker.ai.gguf.v3", "application/vnd.docker.ai.mmproj", "application/vnd.docker.ai.model.file.v1+gguf":
		return checkpoint("gguf")
	case "application/vnd.ollama.image.tensor", "application/x-safetensors", "application/vnd.safetensors", "application/safetensors",
		"application/vnd.docker.ai.safetensors", "application/vnd.docker.ai.safetensors.v1":
		return checkpoint("safetensors")
	case "application/x-hdf5", "application/x-hdf", "application/vnd.hdfgroup.hdf5":
		return checkpoint("hdf5")
	case "application/onnx", "application/x-onnx":
		return checkpoint("onnx")
	case "application/x-pickle", "application/x-python-pickle":
		return checkpoint("pickle")
	case "application/vnd.apache.parquet", "application/x-parquet", "application/parquet":
		return corpus("parquet")
	case "application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream":
		return corpus("arrow")
	case "text/csv", "text/tab-separated-values":
		return corpus("csv")
	case "application/x-ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines":
		return corpus("jsonl")
	}
	part, packed := modelLayer(t)
	a := authz.Artifact{}
	switch part {
	case "weight", "model", "modelpart":
		a.Class = authz.ArtifactCheckpoint
	case "dataset":
		a.Class = authz.ArtifactCorpus
	default:
		return a
	}
	if packed == "gguf" || packed == "safetensors" {
		a.Format, packed = packed, ""
	}
	a.Wrapped = packed
	return a
}

// modelLayer returns what a layer of a model is, and what it lies in or is written as: application/vnd.cncf.model.weight.v1.tar+gzip,
// application/vnd.kitops.modelkit.model.v1.tar. Weights' configurations are other words: weight.config.
func modelLayer(t string) (part, packed string) {
	rest, ok := strings.CutPrefix(t, "application/vnd.cncf.model.")
	if !ok {
		if rest, ok = strings.CutPrefix(t, "application/vnd.kitops.modelkit."); !ok {
			return "", ""
		}
	}
	part, suffix, ok := strings.Cut(rest, ".v1.")
	switch {
	case !ok:
		return "", ""
	case suffix == "tar", suffix == "gguf", suffix == "safetensors":
		return part, suffix
	case strings.HasPrefix(suffix, "tar+"):
		return part, strings.TrimPrefix(suffix, "tar+") + "/tar"
	}
	return part, ""
}
