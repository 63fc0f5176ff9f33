package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A hub serves one repository the way the Hugging Face Hub does, as far as huggingface_hub 2.4 asks for downloads: what is in it, and its
// files. It takes anonymous calls only, cuts the first download of one file in the middle, and has others elsewhere: one where nobody guards it, and
// one with a network that delivers for it, behind Envoy too.
type hub struct {
	name, commit string
	files        map[string][]byte
	elsewhere    string // the URL below which linked is
	delivery     string // the URL below which delivered is
	cut          string // this file …
	cuts         atomic.Bool
	resumed      atomic.Bool // … was asked for by a range
}

// The files that the hub does not hand out itself.
const (
	linked    = "linked.safetensors"
	delivered = "delivered.safetensors"
)

// signed is the query that the delivering network wants, byte for byte: as if it were a signature.
const signed = "Expires=1781098782&Signature=0a%2F1b~c"

// newHub returns a hub with these files.
func newHub(name, cut string, files map[string][]byte) *hub {
	h := &hub{name: name, files: files, cut: cut}
	sum := sha1.New()
	for _, path := range h.paths() {
		fmt.Fprintf(sum, "%s %x\n", path, sha256.Sum256(files[path]))
	}
	h.commit = fmt.Sprintf("%x", sum.Sum(nil))
	return h
}

// start serves the hub until ctx ends.
func (h *hub) start(ctx context.Context, listen string) (*http.Server, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/models/"+h.name, h.about)
	mux.HandleFunc("GET /api/models/"+h.name+"/revision/{revision}", h.about)
	mux.HandleFunc("GET /api/models/"+h.name+"/tree/{revision}", h.tree)
	mux.HandleFunc("GET /"+h.name+"/resolve/{revision}/{path...}", h.resolve)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
	})
	mux.HandleFunc("GET /elsewhere/{path...}", h.serve)
	mux.HandleFunc("GET /delivery/{path...}", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != signed {
			refuse(w, http.StatusForbidden, "SignatureDoesNotMatch", "not what was signed: "+r.URL.RawQuery)
			return
		}
		h.serve(w, r)
	})
	server := &http.Server{
		Handler: h.anonymous(mux), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog: log.New(&bytes.Buffer{}, "", 0),
	}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// anonymous refuses who brings a token, and, where Envoy is in between, whatever else was Weir's to take out.
func (h *hub) anonymous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guarded := !strings.HasPrefix(r.URL.Path, "/elsewhere/")
		for name := range r.Header {
			if name == "Authorization" || guarded && strings.HasPrefix(name, "Weir-") {
				refuse(w, http.StatusUnauthorized, "Unauthorized", "this Hub takes anonymous calls, and was sent "+name)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers an error as the Hub does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	answer(w, status, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(what)
}

// known reports whether the revision is the one that is here, as a branch and as a pull request, too, and answers the request where it is not. A
// revision with a slash in it is one segment of the path, encoded.
func (h *hub) known(w http.ResponseWriter, r *http.Request) bool {
	if !slices.Contains([]string{"", "main", "feature/x", "refs/pr/1", h.commit}, r.PathValue("revision")) {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+r.PathValue("revision"))
		return false
	}
	w.Header().Set("X-Repo-Commit", h.commit)
	return true
}

func (h *hub) paths() []string {
	var paths []string
	for path := range h.files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// about says what the repository is.
func (h *hub) about(w http.ResponseWriter, r *http.Request) {
	if !h.known(w, r) {
		return
	}
	var siblings []map[string]string
	for _, path := range h.paths() {
		siblings = append(siblings, map[string]string{"rfilename": path})
	}
	answer(w, http.StatusOK, map[string]any{
		"_id": "weir", "id": h.name, "modelId": h.name, "sha": h.commit, "private": false, "gated": false, "disabled": false, "tags": []string{},
		"downloads": 0, "likes": 0, "siblings": siblings,
	})
}

// tree lists the files. Models are kept by Git LFS, so that they have a SHA-256.
func (h *hub) tree(w http.ResponseWriter, r *http.Request) {
	if !h.known(w, r) {
		return
	}
	entries := []map[string]any{}
	for _, path := range h.paths() {
		content := h.files[path]
		entry := map[string]any{"type": "file", "path": path, "oid": blob(content), "size": len(content)}
		if large(path) {
			entry["lfs"] = map[string]any{"oid": fmt.Sprintf("%x", sha256.Sum256(content)), "size": len(content), "pointerSize": 134}
		}
		entries = append(entries, entry)
	}
	answer(w, http.StatusOK, entries)
}

func large(path string) bool { return strings.HasSuffix(path, ".safetensors") }

// blob is the name that Git has for a content.
func blob(content []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...)))
}

// resolve hands out a file, or says where it is. The Hub itself does so of all large ones; a mirror need not.
func (h *hub) resolve(w http.ResponseWriter, r *http.Request) {
	if !h.known(w, r) {
		return
	}
	if path := r.PathValue("path"); path == linked || path == delivered {
		content := h.files[path]
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("X-Linked-ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(content))))
		to := h.elsewhere + "/elsewhere/" + path
		if path == delivered {
			to = h.delivery + "/delivery/" + path + "?" + signed
		}
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	h.serve(w, r)
}

// serve hands out a file.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	content, ok := h.files[path]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	etag := blob(content)
	if large(path) {
		etag = fmt.Sprintf("%x", sha256.Sum256(content))
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("X-Linked-ETag", strconv.Quote(etag))
	}
	w.Header().Set("ETag", strconv.Quote(etag))
	w.Header().Set("Content-Type", "application/octet-stream")
	if path == h.cut && r.Method == http.MethodGet {
		if r.Header.Get("Range") != "" {
			h.resumed.Store(true)
		} else if h.cuts.CompareAndSwap(false, true) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content[:len(content)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// done says what is wrong with how the client fetched the file that is cut.
func (h *hub) done() error {
	if !h.cuts.Load() || !h.resumed.Load() {
		return errors.New("the download that is cut was not resumed by a range")
	}
	return nil
}
