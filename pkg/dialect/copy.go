package dialect

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Copier is the dialect of a store that copies objects inside of it: one request then touches two of them, and its path names one.
type Copier interface {
	Storage
	// Other returns the canonical path of the other one, for an operation that this dialect has read out of a request with that path, and whose
	// Into is not empty.
	Other(path string, op authz.Operation) string
}

// Unknown is the operation of a request that no dialect knows, for who finds that out elsewhere.
func Unknown() authz.Operation { return unknown() }

// copied is a copy of the object that a header names, into another one. The source is BUCKET/NAME without or with a leading slash, percent-encoded.
func copied(source []string, version, into string) authz.Operation {
	if len(source) != 1 || strings.ContainsAny(source[0], "+?") { // a space to some; and what some read as a version
		return unknown()
	}
	plain, err := url.PathUnescape(strings.TrimPrefix(source[0], "/"))
	object, ok := canonicalKey(plain)
	bucket, key, _ := strings.Cut(object, "/")
	if err != nil || !ok || key == "" || strings.Contains(bucket, ":") { // a colon: the ARN of an access point, of which nobody knows the bucket
		return unknown()
	}
	return authz.Operation{
		Class: authz.ClassExport, Complete: true, Collection: bucket, Object: object, Into: into, Version: version, Artifact: artifactOf(object), Documents: 1,
	}
}

// gives reports whether a request gives what it writes to others than the owner: who may have it would be decided with nobody to administer it.
func gives(h authz.Header, q query) bool {
	for name, values := range h {
		switch name {
		case "x-amz-acl", "x-goog-acl":
			if len(values) != 1 || !ownACL(values[0]) {
				return true
			}
		default:
			if strings.HasPrefix(name, "x-amz-grant-") {
				return true
			}
		}
	}
	for _, p := range q {
		if (p.name == "predefinedAcl" || p.name == "destinationPredefinedAcl") && !ownACL(p.value) {
			return true
		}
	}
	return false
}

// ownACL reports whether a predefined list of who may have an object names nobody but its owner, the bucket's, and their project. Source: "Canned
// ACL" of Amazon S3, "Predefined ACLs" of Google Cloud Storage.
func ownACL(name string) bool {
	switch name {
	case "private", "bucket-owner-read", "bucket-owner-full-control", "project-private", "bucketOwnerRead", "bucketOwnerFullControl", "projectPrivate":
		return true
	}
	return false
}
