// Package config is Weir's configuration: one YAML file, whose reference manual is the Config struct and what it holds.
//
// It owns the keys, their defaults, ranges and units, and the rules between them. It trusts nobody's spelling: an unknown key is an error
// that names the nearest known one, and every problem in a file is reported at once, each with its line. It refuses configurations
// that would let somebody past Weir: a listener that anyone can reach, an issuer whose keys anyone on the way could replace, a vector
// database whose answers nobody reads. Secrets never show in a message.
package config
