package server

import (
	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/server/internal/config"
	"github.com/weirgate/weir/server/internal/extproc"
)

// artifacts remembers what objects are, where there is a target that is a store of objects.
func artifacts(*config.Config) (extproc.Artifacts, error) { return artifact.New(artifact.Config{}) }
