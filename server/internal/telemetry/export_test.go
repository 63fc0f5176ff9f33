package telemetry

// What tests see of the package's inside.
const MaxChildren = maxChildren

// NewSpan makes the span of a record.
var NewSpan = newSpan
