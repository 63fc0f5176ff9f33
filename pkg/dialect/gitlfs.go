package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// GitLFS is the API of Git LFS. Source: docs/api/batch.md, basic-transfers.md and locking.md of git-lfs/git-lfs. A collection is what stands
// before /objects: the server's address of a repository. A batch for download is a reading of its objects: where they are fetched then, the
// answer says, and it may be anywhere.
type GitLFS struct{ store }

// Name implements Dialect.
func (GitLFS) Name() string { return "git-lfs" }

// NeedsBody implements Dialect: a batch says which objects in its body.
func (GitLFS) NeedsBody(method, path string) bool {
	return method == "POST" && strings.HasSuffix(path, "/objects/batch")
}

// Head implements Dialect.
func (d GitLFS) Head(method, path, rawQuery string, h authz.Header) authz.Operation {
	q, ok := readQuery(rawQuery)
	if !ok || overridesMethod(h) {
		return unknown()
	}
	if d.NeedsBody(method, path) {
		if !q.only("") {
			return unknown()
		}
		return incomplete(lfsBatch(path, strings.TrimSuffix(path, "/objects/batch")))
	}
	if at := strings.LastIndex(path, "/objects/"); at >= 0 {
		return lfsObject(method, path[:at], path[at+len("/objects/"):], q, h)
	}
	at := strings.LastIndex(path, "/locks")
	if at < 0 {
		return unknown()
	}
	op := authz.Operation{Complete: true, Collection: strings.Trim(path[:at], "/"), Object: path}
	switch action := path[at+len("/locks"):]; {
	case action == "" && method == "GET", action == "/verify" && method == "POST":
		op.Class = authz.ClassList
	case action == "" && method == "POST", strings.HasSuffix(action, "/unlock") && method == "POST":
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// lfsObject is the transfer of one object, where the server itself does it.
func lfsObject(method, collection, oid string, q query, h authz.Header) authz.Operation {
	if !isHex(oid, 64) || !q.only("") {
		return unknown()
	}
	op := authz.Operation{Complete: true, Collection: strings.Trim(collection, "/"), Object: oid, Version: oid}
	switch method {
	case "GET", "HEAD":
		op.Class, op.Documents, op.Range = authz.ClassRead, 1, rangeOf(h)
	case "PUT":
		op.Class = authz.ClassWrite
	default:
		return unknown()
	}
	return op
}

// lfsBatch is a batch whose body was not read. Until it is, it is a download.
func lfsBatch(path, collection string) authz.Operation {
	return authz.Operation{Class: authz.ClassRead, Collection: strings.Trim(collection, "/"), Object: path}
}

// Body implements Dialect.
func (GitLFS) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if op.Complete {
		return op, nil
	}
	return readBatch(op, body)
}

// maxBatch is the most objects of a batch; git-lfs itself asks for 100 at once.
const maxBatch = 1000

// readBatch reads the body of a batch. One of a single object names it.
func readBatch(op authz.Operation, body []byte) (authz.Operation, error) {
	operation, oids := "", []string(nil)
	err := readObject(body, []string{"operation", "objects", "hash_algo"}, func(r *reader, key string) (err error) {
		switch key {
		case "operation":
			operation, err = r.text(key)
		case "hash_algo":
			algorithm := ""
			if algorithm, err = r.text(key); err == nil && algorithm != "sha256" {
				err = badBody("hash_algo must be sha256")
			}
		case "objects":
			return r.array(func() error {
				oid, err := r.lfsObject()
				if oids = append(oids, oid); err == nil && len(oids) > maxBatch {
					err = badBody("objects must be at most 1000")
				}
				return err
			})
		}
		return err
	})
	if err != nil {
		return op, err
	}
	out := op
	switch operation {
	case "download":
		out.Class = authz.ClassRead
	case "upload":
		out.Class = authz.ClassWrite
	default:
		return op, badBody("operation must be download or upload")
	}
	if len(oids) == 1 {
		out.Object, out.Version = oids[0], oids[0]
	} else {
		out.Versions = oids
	}
	out.Vectors, out.Documents, out.Bytes, out.Complete = 0, int64(len(oids)), int64(len(body)), true
	return out, nil
}

// lfsObject consumes an object of a batch.
func (r *reader) lfsObject() (oid string, err error) {
	err = r.inner("an object", []string{"oid", "size"}, func(r *reader, key string) (err error) {
		if key == "oid" {
			oid, err = r.text(key)
			return err
		}
		_, _, err = r.number(key)
		return err
	})
	if err == nil && !isHex(oid, 64) {
		err = badBody("oid must be a SHA-256 in lower-case hexadecimal digits")
	}
	return oid, err
}

// Answer implements Dialect: that to a batch is a list of places.
func (d GitLFS) Answer(op authz.Operation, resp authz.Response) Answer {
	if isBatch(op) {
		return Answer{MaxBytes: maxListing}
	}
	return d.store.Answer(op, resp)
}

// isBatch tells a batch from a transfer: nothing else is read here by its body.
func isBatch(op authz.Operation) bool { return op.Bytes > 0 || !op.Complete }

// Piece implements Storage: an object's name is its digest. A batch hands out none.
func (GitLFS) Piece(op authz.Operation, resp authz.Response) (authz.Piece, bool) {
	if isBatch(op) {
		return authz.Piece{}, false
	}
	return storedPiece(op, resp, op.Version)
}
