package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Hub is the API of the Hugging Face Hub, with Git LFS and the content-addressed store of Xet. Source: huggingface_hub 2.4.0 (constants.py,
// file_download.py, hf_api.py, lfs.py) and the Xet protocol's specification in the Hub's documentation. A collection is a repository, with
// datasets/ or spaces/ before its name; an object is REPOSITORY/PATH, its version the revision asked for. What Xet reconstructs comes as
// ranges of other objects, from elsewhere: asking for that is an export of the file.
type Hub struct{ store }

// Name implements Dialect.
func (Hub) Name() string { return "hub" }

const hubBatch = ".git/info/lfs/objects/batch"

// NeedsBody implements Dialect: a batch says which objects in its body.
func (Hub) NeedsBody(method, path string) bool {
	return method == "POST" && strings.HasSuffix(path, hubBatch)
}

// Head implements Dialect.
func (d Hub) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	reads := method == "GET" || method == "HEAD"
	if overridesMethod(h) {
		return unknown()
	}
	if d.NeedsBody(method, path) && !strings.Contains(path, "%2F") {
		return incomplete(lfsBatch(path, strings.TrimSuffix(path, hubBatch)))
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "api":
		return hubAPI(method, rest, rawQuery, h)
	case "v1", "v2", "get_xorb":
		return xet(method, strings.TrimPrefix(path, "/"), rawQuery, h)
	case "datasets", "spaces":
		first += "/"
	case "buckets", "kernels":
		return unknown()
	default:
		first, rest = "", strings.TrimPrefix(path, "/")
	}
	repo, kind, tail, ok := hubRepository(rest, "resolve", "raw")
	if !ok || kind == "" || !reads {
		return unknown()
	}
	revision, file := hubRevision(tail)
	return hubFile(first+repo, revision, file, rawQuery, h)
}

// hubFile is the reading of one file. The Hub's redirects to /api/resolve-cache have two parameters more: the path that was asked for, without a
// value, and its entity tag (seen in huggingface/swift-transformers, pull request 209).
func hubFile(repo, revision, file, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || revision == "" || file == "" || !q.only("/", "download", "etag") {
		return unknown()
	}
	op := read(repo+"/"+file, h)
	op.Collection, op.Version = repo, revision
	return op
}

// hubRevision cuts a path after its revision: one segment, whose slashes huggingface_hub sends as %2F (quote(revision, safe="") in
// file_download.py): a branch feature/x, a pull request refs/pr/7. Those of refs/pr/N and refs/convert/NAME may be plain
// (SPECIAL_REFS_REVISION_REGEX in hf_api.py), as Envoy makes them by a redirect where it is told to.
func hubRevision(path string) (revision, file string) {
	revision, file, _ = strings.Cut(path, "/")
	file = plainSlashes(file)
	if plain := plainSlashes(revision); plain != revision {
		return plain, file
	}
	if revision != "refs" {
		return revision, file
	}
	kind, rest, _ := strings.Cut(file, "/")
	name, rest, _ := strings.Cut(rest, "/")
	if kind != "pr" && kind != "convert" || name == "" {
		return "", "" // nothing that the Hub has
	}
	return "refs/" + kind + "/" + name, rest
}

// hubRepository cuts a path after its repository, whose name has two segments or, of old ones, one, and after the word that follows it,
// which is one of words; kind is empty where nothing follows. ok is false where it could be either.
func hubRepository(path string, words ...string) (repo, kind, tail string, ok bool) {
	is := func(s string) bool {
		for _, w := range words {
			if s == w {
				return true
			}
		}
		return false
	}
	owner, rest, _ := strings.Cut(path, "/")
	second, after, _ := strings.Cut(rest, "/")
	third, beyond, _ := strings.Cut(after, "/")
	switch {
	case owner == "" || is(second) && is(third) || strings.Contains(owner, "%") || strings.Contains(second, "%"):
		return "", "", "", false
	case is(second):
		return owner, second, after, true
	case is(third):
		return owner + "/" + second, third, beyond, true
	case second == "":
		return owner, "", "", true
	case third == "":
		return owner + "/" + second, "", "", true
	}
	return "", "", "", false
}

// hubAPI is a call of the Hub's own API.
func hubAPI(method, path, rawQuery string, h authz.Header) authz.Operation {
	reads := method == "GET" || method == "HEAD"
	types, rest, _ := strings.Cut(path, "/")
	if types == "resolve-cache" && reads {
		types, rest, _ = strings.Cut(rest, "/")
		prefix, ok := hubType(types)
		owner, rest, _ := strings.Cut(rest, "/")
		name, rest, _ := strings.Cut(rest, "/")
		commit, file, _ := strings.Cut(rest, "/")
		if !ok || !isHex(commit, 40) {
			return unknown()
		}
		return hubFile(prefix+owner+"/"+name, commit, plainSlashes(file), rawQuery, h)
	}
	prefix, ok := hubType(types)
	if !ok || rest == "" {
		switch types {
		case "models", "datasets", "spaces", "whoami-v2", "models-tags-by-type", "datasets-tags-by-type":
			if reads && rest == "" {
				return complete(authz.ClassList)
			}
		case "repos", "settings", "organizations":
			return complete(authz.ClassAdmin)
		}
		return unknown()
	}
	repo, kind, tail, ok := hubRepository(rest, "tree", "revision", "refs", "commits", "paths-info", "treesize", "auth-check", "parquet",
		"safetensors-metadata", "xet-read-token", "xet-write-token", "preupload", "commit", "branch", "tag", "lfs-files", "settings",
		"user-access-request", "discussions", "duplicate", "super-squash")
	if !ok {
		return unknown()
	}
	if kind == "lfs-files" && tail == "duplicate" { // of the files that the body names, into the repository that it names
		kind = "duplicate"
	}
	op := authz.Operation{Complete: true, Collection: prefix + repo, Object: prefix + repo}
	switch kind {
	case "xet-read-token", "duplicate": // with a token any file of the repository is reconstructed
		op.Class, op.Documents = authz.ClassExport, authz.Unbounded
	case "xet-write-token", "preupload", "commit":
		op.Class = authz.ClassWrite
	case "settings", "user-access-request":
		op.Class = authz.ClassAdmin
	default:
		op.Class = authz.ClassWrite
		if reads || method == "POST" && kind == "paths-info" {
			op.Class = authz.ClassList
		}
	}
	return op
}

// hubType is how a repository's name begins outside of the API.
func hubType(types string) (prefix string, ok bool) {
	switch types {
	case "models":
		return "", true
	case "datasets", "spaces":
		return types + "/", true
	}
	return "", false
}

// xet is a call of the content-addressed store.
func xet(method, path, rawQuery string, h authz.Header) authz.Operation {
	op := authz.Operation{Complete: true, Object: path, Range: rangeOf(h)}
	q, ok := readQuery(rawQuery)
	call := path
	if version, rest, _ := strings.Cut(path, "/"); version == "v1" || version == "v2" {
		call = rest
	}
	name, id, _ := strings.Cut(call, "/")
	hash := id[strings.LastIndexByte(id, '/')+1:]
	if !ok || !q.only("") || name != "shards" && !isHex(hash, 64) {
		return unknown()
	}
	switch {
	case name == "reconstructions" && id == hash && method == "GET":
		op.Class, op.Documents, op.Object, op.Version = authz.ClassExport, 1, "xet/"+id, id
	case name == "get_xorb" && call == path && method == "GET":
		op.Class, op.Documents, op.Object, op.Version = authz.ClassRead, 1, "xorb/"+hash, hash
	case name == "chunks" && method == "GET":
		op.Class = authz.ClassList
	case name == "xorbs" && method == "POST", name == "shards" && id == "" && method == "POST":
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// Body implements Dialect.
func (Hub) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Complete {
		return op, nil
	}
	return readBatch(op, body)
}

// Answer implements Dialect.
func (d Hub) Answer(op authz.Operation, resp authz.Response) Answer {
	return GitLFS(d).Answer(op, resp)
}

// Piece implements Storage. A redirect of a large file says what it leads to: all of it, of that size and digest.
func (Hub) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	if isBatch(op) {
		return authz.Piece{}, false
	}
	version := strings.Trim(validator(resp.Headers, "x-linked-etag"), `"`)
	if strings.HasPrefix(version, "W/") {
		version = ""
	}
	switch resp.Status {
	case 301, 302, 303, 307, 308:
		size := digits(validator(resp.Headers, "x-linked-size"), 1<<50)
		if op.Class != authz.ClassRead || size == 0 {
			return storedPiece(op, resp, version)
		}
		return authz.Piece{Object: op.Object, Version: version, Size: size, Length: size}, true
	}
	switch {
	case strings.HasPrefix(op.Object, "xorb/"):
		version = op.Version
	case version == "":
		version = entityTag(resp)
	}
	return storedPiece(op, resp, version)
}
