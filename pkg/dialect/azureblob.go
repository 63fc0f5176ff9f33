package dialect

import (
	"net/url"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// AzureBlob is the REST API of Azure's Blob service. Source: the operations of azure-storage-blob 12.31.1, which are generated from the service's
// specification (Azure/azure-rest-api-specs, Microsoft.BlobStorage), and its reference (Get Blob, Put Blob From URL, Query Blob Contents). An object
// is container/blob, whether the slashes of a blob's name are encoded or not (Slashes), a blob outside of any container one of $root. A copy is an
// export of its source, by the path of the source's address, wherever that is. Not known: batches, a container that takes another one's name,
// content in an envelope (x-ms-structured-body), and the API of Data Lake Storage.
type AzureBlob struct{ store }

// Name implements Dialect.
func (AzureBlob) Name() string { return "azureblob" }

// Head implements Dialect.
func (AzureBlob) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || overridesMethod(h) || !q.azure() || q.has("snapshot") && q.has("versionid") || len(h["x-ms-rename-source"]) > 0 {
		return unknown()
	}
	container, blob, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if blob = plainSlashes(blob); strings.Contains(container, "%2F") {
		return unknown()
	}
	comp, restype := q.get("comp"), q.get("restype")
	switch {
	case container == "":
		if method == "GET" && comp == "list" && restype == "" {
			return complete(authz.ClassList)
		}
		return unknown()
	case restype == "container" && blob == "":
		op := authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: container, Object: container}
		switch method + " " + comp {
		case "GET list", "GET ", "HEAD ", "GET metadata", "HEAD metadata", "GET blobs":
			op.Class = authz.ClassList
		case "GET acl", "HEAD acl", "PUT ", "DELETE ", "PUT metadata", "PUT acl", "PUT lease", "PUT undelete":
		default:
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
		return azureCopy(copies, object)
	}
	switch method + " " + comp {
	case "GET ", "HEAD ":
		if len(h["x-ms-structured-body"]) > 0 {
			return unknown()
		}
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
func azureCopy(copies []string, into string) authz.Operation {
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
	op := authz.Operation{Class: authz.ClassExport, Complete: true, Collection: container, Object: object, Into: into, Artifact: artifactOf(object), Documents: 1}
	if op.Version = q.get("versionid"); op.Version == "" {
		op.Version = q.get("snapshot")
	}
	return op
}

// Other implements Copier: the path of the source, as if it were in this account.
func (AzureBlob) Other(_ string, op authz.Operation) string {
	return "/" + strings.TrimPrefix(op.Object, "$root/")
}

// azure reports whether all parameters are known: those of operations, and those of shared access signatures.
func (q query) azure() bool {
	return q.only("", "comp", "restype", "snapshot", "versionid", "timeout", "prefix", "delimiter", "marker", "maxresults", "include", "where",
		"blockid", "blocklisttype", "copyid", "prevsnapshot", "startFrom", "endBefore", "sv", "sr", "sig", "se", "sp", "st", "spr", "sip", "si", "ss", "srt", "skoid", "sktid",
		"skt", "ske", "sks", "skv", "sdd", "saoid", "suoid", "sduoid", "skdutid", "srh", "srq", "scid", "ses", "rscc", "rscd", "rsce", "rscl", "rsct")
}

// Piece implements Storage.
func (AzureBlob) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	version := strongETag(resp.Headers)
	if version == "" {
		version = validator(resp.Headers, "x-ms-version-id")
	}
	return storedPiece(op, asStored(resp), version)
}
