package dialect

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// AzureBlob is the REST API of Azure's Blob service. Source: its reference (Get Blob, Put Blob From URL, Query Blob Contents and the other
// operations on blobs and containers). An object is container/blob, a blob outside of any container one of $root. A copy is an export of its
// source, by the path of the source's address. Not known: batches, and the API of Data Lake Storage.
type AzureBlob struct{ store }

// Name implements Dialect.
func (AzureBlob) Name() string { return "azureblob" }

// Head implements Dialect.
func (AzureBlob) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || overridesMethod(h) || !q.azure() || q.has("snapshot") && q.has("versionid") {
		return unknown()
	}
	container, blob, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	comp, restype := q.get("comp"), q.get("restype")
	reads := method == "GET" || method == "HEAD"
	switch {
	case container == "":
		if method == "GET" && comp == "list" && restype == "" {
			return complete(authz.ClassList)
		}
		return unknown()
	case restype == "container" && blob == "":
		op := authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: container, Object: container}
		switch {
		case reads && (comp == "list" || comp == "" || comp == "metadata" || comp == "blobs"):
			op.Class = authz.ClassList
		case comp == "list" || comp == "batch" || comp == "blobs" || !reads && method != "PUT" && method != "DELETE":
			return unknown()
		}
		return op
	case restype != "":
		return unknown()
	case blob == "":
		container, blob = "$root", container
	}
	return azureObject(method, container, container+"/"+blob, comp, q, h)
}

// azureObject is what is done with a blob.
func azureObject(method, container, object, comp string, q query, h authz.Header) authz.Operation {
	op := authz.Operation{Class: authz.ClassWrite, Complete: true, Object: object, Artifact: artifactOf(object)}
	if copies := h["x-ms-copy-source"]; len(copies) > 0 {
		if method != "PUT" || comp != "" && comp != "block" && comp != "page" && comp != "appendblock" {
			return unknown()
		}
		return azureCopy(copies)
	}
	switch method + " " + comp {
	case "GET ", "HEAD ":
		op = read(object, h)
		if ranges := h["x-ms-range"]; len(ranges) > 0 {
			if len(ranges) > 1 || op.Range != "" {
				return unknown()
			}
			op.Range = rangeOf(authz.Header{"range": ranges})
		}
	case "GET metadata", "HEAD metadata", "GET tags", "GET blocklist", "GET pagelist":
		op.Class = authz.ClassList
	case "PUT ", "DELETE ", "PUT block", "PUT blocklist", "PUT page", "PUT appendblock", "PUT metadata", "PUT properties", "PUT tags", "PUT copy":
	case "POST query":
		op.Class, op.Documents = authz.ClassExport, 1
	case "PUT snapshot", "PUT undelete", "PUT lease", "PUT tier", "PUT expiry", "PUT seal", "PUT immutabilityPolicies", "PUT legalhold",
		"DELETE immutabilityPolicies":
		op.Class = authz.ClassAdmin
	default:
		return unknown()
	}
	op.Collection = container
	if op.Version = q.get("versionid"); op.Version == "" {
		op.Version = q.get("snapshot")
	}
	return op
}

// azureCopy is a copy from an address, which may be signed.
func azureCopy(copies []string) authz.Operation {
	u, err := url.Parse(copies[0])
	if len(copies) > 1 || err != nil || u.Host == "" || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return unknown()
	}
	object, ok := canonicalKey(strings.TrimPrefix(u.Path, "/"))
	q, readable := readQuery(u.RawQuery)
	container, blob, _ := strings.Cut(object, "/")
	if !ok || !readable || blob == "" {
		return unknown()
	}
	op := authz.Operation{Class: authz.ClassExport, Complete: true, Collection: container, Object: object, Artifact: artifactOf(object), Documents: 1}
	if op.Version = q.get("versionid"); op.Version == "" {
		op.Version = q.get("snapshot")
	}
	return op
}

// azure reports whether all parameters are known: those of operations, and those of shared access signatures.
func (q query) azure() bool {
	return q.only("", "comp", "restype", "snapshot", "versionid", "timeout", "prefix", "delimiter", "marker", "maxresults", "include", "where",
		"blockid", "blocklisttype", "copyid", "prevsnapshot", "sv", "sr", "sig", "se", "sp", "st", "spr", "sip", "si", "ss", "srt", "skoid", "sktid",
		"skt", "ske", "sks", "skv", "sdd", "saoid", "suoid", "scid", "ses", "rscc", "rscd", "rsce", "rscl", "rsct")
}

// Piece implements Storage.
func (AzureBlob) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	version := strongETag(resp.Headers)
	if version == "" {
		version = validator(resp.Headers, "x-ms-version-id")
	}
	return storedPiece(op, resp, version)
}
