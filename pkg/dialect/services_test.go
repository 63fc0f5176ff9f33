package dialect_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// services is what the descriptors of the gRPC services say that some dialects read: testdata/services.golden, which testdata/services.py
// makes of the descriptors that the databases' own clients bring, and testdata/tei.golden, of huggingface/text-embeddings-inference's
// proto/tei.proto.
type services struct {
	methods  []rpcMethod
	messages map[string][]protoField
}

type rpcMethod struct{ path, in, out string }

// protoField is a field of a message. Its type is a scalar's name or a message's.
type protoField struct {
	number   int
	name, is string
	repeated bool
}

func readServices(t *testing.T) (s services) {
	t.Helper()
	var golden []byte
	for _, name := range []string{"services", "tei"} {
		b, err := os.ReadFile("testdata/" + name + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		golden = append(golden, b...)
	}
	s.messages = map[string][]protoField{}
	message := ""
	for line := range strings.Lines(string(golden)) {
		f := strings.Fields(line)
		switch {
		case line[0] == '/':
			s.methods = append(s.methods, rpcMethod{f[0], f[1], f[2]})
		case line[0] != ' ':
			message = f[0]
			s.messages[message] = nil
		default:
			n, err := strconv.Atoi(f[0])
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			field := protoField{number: n, name: f[1], is: f[len(f)-1], repeated: f[2] == "repeated"}
			if field.name == "placeholder_group" { // Milvus has this message in bytes
				field.is = "milvus.proto.common.PlaceholderGroup"
			}
			s.messages[message] = append(s.messages[message], field)
		}
	}
	return s
}

func whole(is string) bool {
	return slices.Contains([]string{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "enum"}, is)
}

// follow returns the field that a path of numbers leads to, and the names on the way.
func (s services) follow(message, path string) (f protoField, names string, err error) {
	for step := range strings.SplitSeq(path, ".") {
		n, err := strconv.Atoi(step)
		if err != nil {
			return f, names, err
		}
		at := slices.IndexFunc(s.messages[message], func(f protoField) bool { return f.number == n })
		if at < 0 {
			return f, names, fmt.Errorf("%s has no field %d", message, n)
		}
		f = s.messages[message][at]
		names += "." + f.name
		message = f.is
	}
	return f, strings.TrimPrefix(names, "."), nil
}

// fits reports whether a field of the descriptors can hold what a dialect takes it for.
func (f protoField) fits(declared scan.Field) bool {
	switch {
	case declared.Role == scan.RoleScore && declared.Encoding == scan.EncodingText:
		return f.is == "string"
	case declared.Role == scan.RoleScore:
		return f.is == "float" || f.is == "double"
	case declared.Role == scan.RoleIndices:
		return f.is == "uint32"
	case declared.Encoding == scan.EncodingFloats:
		return f.is == "float" && f.repeated
	case declared.Encoding == scan.EncodingSparse && f.is == "float": // an entry's
		return !f.repeated
	case declared.Encoding == scan.EncodingDoubles:
		return f.is == "double" && f.repeated
	case declared.Encoding == scan.EncodingInts:
		return f.repeated && whole(f.is)
	}
	return f.is == "bytes"
}

// place says what a declared field is by the descriptors' names.
func (s services) place(message string, declared scan.Field) (string, error) {
	f, names, err := s.follow(message, declared.Path)
	if err == nil && !f.fits(declared) {
		err = fmt.Errorf("%s %s cannot be a %s as %q", f.name, f.is, declared.Role, declared.Encoding)
	}
	if err != nil {
		return "", err
	}
	out := fmt.Sprintf("%s %s %s", declared.Role, declared.Path, names)
	for _, note := range []struct{ what, path, is string }{
		{"named", declared.Named, "string"}, {"dims", declared.Dims, ""}, {"type", declared.Type, "string"}, {"rows", declared.Rows, ""},
	} {
		if note.path == "" {
			continue
		}
		f, names, err := s.follow(message, note.path)
		if err == nil && (note.is != f.is && note.is != "" || note.is == "" && !whole(f.is)) {
			err = fmt.Errorf("%s %s cannot be what %s says", f.name, f.is, note.what)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", declared.Path, err)
		}
		out += fmt.Sprintf(", %s by %s", note.what, names)
	}
	return out, nil
}

// numbers lists the places of a message that may hold a vector by their type, or one of these things by their name, and that nobody
// declared. A message in itself is not followed.
func (s services) numbers(message string, above []string, path, names string, declared map[string]bool, things ...string) (out []string) {
	if slices.Contains(above, message) {
		return nil
	}
	above = append(slices.Clone(above), message)
	for _, f := range s.messages[message] {
		at, name := path+strconv.Itoa(f.number), names+f.name
		named := slices.ContainsFunc(things, func(thing string) bool { return strings.Contains(f.name, thing) })
		switch {
		case declared[at]:
		case (f.is == "float" || f.is == "double") && (f.repeated || named), f.is == "bytes":
			out = append(out, at+" "+name)
		default:
			out = append(out, s.numbers(f.is, above, at+".", name+".", declared, things...)...)
		}
	}
	return out
}

// rpcDialect is the dialect of a service.
func rpcDialect(path string) dialect.Dialect {
	switch {
	case strings.HasPrefix(path, "/qdrant."):
		return dialect.Qdrant{}
	case strings.HasPrefix(path, "/milvus."):
		return dialect.Milvus{}
	case strings.HasPrefix(path, "/weaviate."):
		return dialect.Weaviate{}
	case strings.HasPrefix(path, "/inference."):
		return dialect.KServe{}
	case strings.HasPrefix(path, "/tei."):
		return dialect.TEI{}
	}
	return dialect.Pinecone{}
}

// TestServices: the methods, paths and field numbers of the dialects are those of the services' own descriptors. testdata/places.golden says
// what each method is taken for, where its answer holds vectors and scores and its request vectors, by number and name; and what else an
// answer has that could be taken for one, and is none.
func TestServices(t *testing.T) {
	s := readServices(t)
	var got strings.Builder
	for _, m := range s.methods {
		d := rpcDialect(m.path)
		op := d.Head("POST", m.path, "", authz.Header{"content-type": {"application/grpc"}})
		fmt.Fprintf(&got, "%s: %s\n", m.path, op.Class)
		if s.messages[m.out] == nil || op.Class == authz.ClassUnknown {
			continue
		}
		declared := map[string]bool{}
		for _, f := range d.Answer(op, authz.Response{Status: 200}).Fields {
			place, err := s.place(m.out, f)
			if err != nil {
				t.Errorf("%s, answer: %v", m.path, err)
			}
			declared[f.Path] = true
			fmt.Fprintf(&got, "  answer: %s\n", place)
		}
		for _, place := range s.numbers(m.out, nil, "", "", declared, "score", "distance") {
			fmt.Fprintf(&got, "  no vector: %s\n", place)
		}
		_, fields := d.Carries(op)
		clear(declared)
		for _, f := range fields {
			place, err := s.place(m.in, f)
			if err != nil {
				t.Errorf("%s, request: %v", m.path, err)
			}
			declared[f.Path] = true
			fmt.Fprintf(&got, "  request: %s\n", place)
		}
		for _, place := range s.numbers(m.in, nil, "", "", declared) {
			fmt.Fprintf(&got, "  not opened: %s\n", place)
		}
	}
	const golden = "testdata/places.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("-want +got (-update renews it):\n%s", diff)
	}
}

// message builds a message of fields by their names: "collection_name=docs limit=5 with_vectors{ enable=1 }", and returns the words behind
// it. What the descriptors do not have ends the test.
func (s services) message(t *testing.T, name string, words []string) (msg []byte, rest []string) {
	t.Helper()
	for len(words) > 0 {
		word := words[0]
		if words = words[1:]; word == "}" {
			break
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(word, "{"), "=")
		at := slices.IndexFunc(s.messages[name], func(f protoField) bool { return f.name == field })
		if at < 0 {
			t.Fatalf("%s has no field %q", name, field)
		}
		f := s.messages[name][at]
		number := protowire.Number(f.number) //nolint:gosec // of a descriptor
		switch {
		case word[len(word)-1] == '{':
			var inner []byte
			inner, words = s.message(t, f.is, words)
			msg = protowire.AppendBytes(protowire.AppendTag(msg, number, protowire.BytesType), inner)
		case whole(f.is):
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", word, err)
			}
			msg = protowire.AppendVarint(protowire.AppendTag(msg, number, protowire.VarintType), n)
		case f.is == "string" || f.is == "bytes":
			msg = protowire.AppendString(protowire.AppendTag(msg, number, protowire.BytesType), value)
		default:
			t.Fatalf("%s: a field of %s", word, f.is)
		}
	}
	return msg, words
}

// TestServiceRequests: what the dialects read of requests is what the services' own descriptors call so.
func TestServiceRequests(t *testing.T) {
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	const qdrant, milvus, weaviate, pinecone, kserve, tei = "/qdrant.Points/", "/milvus.proto.milvus.MilvusService/", "/weaviate.v1.Weaviate/", "/VectorService/", "/inference.GRPCInferenceService/", "/tei.v1."
	s := readServices(t)
	for _, tt := range []struct {
		path, request string
		class         authz.Class
		collection    string // or model
		docs, vectors int64
		vector        string
	}{
		{qdrant + "Search", "collection_name=docs limit=5 with_vectors{ enable=1 } vector_name=image", search, "docs", 5, 5, "image"},
		{qdrant + "SearchBatch", "collection_name=docs search_points{ limit=5 vector_name=image with_vectors{ enable=1 } }", search, "docs", 5, 5, "image"},
		{qdrant + "SearchGroups", "collection_name=docs limit=5 group_size=3 with_vectors{ enable=1 } vector_name=image", search, "docs", 15, 15, "image"},
		{qdrant + "Recommend", "collection_name=docs limit=5 with_vectors{ enable=1 } using=image lookup_from{ collection_name=other }", search, "docs,other", 5, 5, "image"},
		{qdrant + "RecommendBatch", "collection_name=docs recommend_points{ limit=5 using=image with_vectors{ enable=1 } }", search, "docs", 5, 5, "image"},
		{qdrant + "RecommendGroups", "collection_name=docs limit=5 group_size=3 with_vectors{ enable=1 } using=image", search, "docs", 15, 15, "image"},
		{qdrant + "Discover", "collection_name=docs limit=5 with_vectors{ enable=1 } using=image", search, "docs", 5, 5, "image"},
		{qdrant + "DiscoverBatch", "collection_name=docs discover_points{ limit=5 using=image with_vectors{ enable=1 } }", search, "docs", 5, 5, "image"},
		{qdrant + "Query", "collection_name=docs query{ nearest{ id{ num=1 } } } limit=5 with_vectors{ enable=1 } using=image prefetch{ using=text query{ nearest{ id{ num=2 } } } } lookup_from{ collection_name=other }", search, "docs,other", 5, 5, "image,text"},
		{qdrant + "QueryBatch", "collection_name=docs query_points{ limit=5 using=image with_vectors{ enable=1 } }", search, "docs", 5, 5, "image"},
		{qdrant + "QueryGroups", "collection_name=docs limit=5 group_size=3 with_vectors{ enable=1 } using=image with_lookup{ collection=other }", search, "docs,other", 20, 15, "image"},
		{qdrant + "Get", "collection_name=docs ids{ num=1 } ids{ num=2 } with_vectors{ enable=1 }", read, "docs", 2, 2, ""},
		{qdrant + "Scroll", "collection_name=docs limit=5 with_vectors{ include{ names=a names=b } }", export, "docs", 5, 10, ""},
		{qdrant + "Upsert", "collection_name=docs points{ id{ num=1 } } points{ id{ num=2 } }", write, "docs", 2, 0, ""},
		{milvus + "Search", "db_name=base collection_name=docs nq=2 output_fields=embedding search_params{ key=topk value=5 } search_params{ key=anns_field value=embedding }", search, "base.docs", 10, 10, "embedding"},
		{milvus + "Query", "collection_name=docs output_fields=embedding expr=x query_params{ key=limit value=5 }", read, "docs", 5, 5, ""},
		{milvus + "Insert", "collection_name=docs num_rows=7", write, "docs", 7, 0, ""},
		{milvus + "Delete", "collection_name=docs expr=x", write, "docs", all, 0, ""},
		{weaviate + "Search", "collection=Docs limit=5 metadata{ vector=1 } near_vector{ target_vectors=image }", search, "Docs", 5, 5, "image"},
		{weaviate + "Search", "collection=Docs limit=5 metadata{ vectors=image vectors=text } hybrid_search{ targets{ target_vectors=image } }", search, "Docs", 5, 10, "image"},
		{weaviate + "Search", "collection=Docs limit=5 after=x metadata{ vector=1 }", export, "Docs", 5, 5, ""},
		{weaviate + "Search", "collection=Docs limit=5 properties{ ref_properties{ metadata{ vector=1 } } }", read, "Docs", 5, all, ""},
		{weaviate + "Aggregate", "collection=Docs near_vector{ targets{ target_vectors=image } }", search, "Docs", 0, 0, "image"},
		{weaviate + "BatchObjects", "objects{ collection=Docs } objects{ collection=Other }", write, "Docs,Other", 2, 0, ""},
		{weaviate + "BatchStream", "data{ objects{ values{ collection=Docs } } }", write, "Docs", 1, 0, ""},
		{weaviate + "BatchDelete", "collection=Docs", write, "Docs", all, 0, ""},
		{pinecone + "Query", "namespace=ns top_k=5 include_values=1", search, "ns", 5, 5, ""},
		{pinecone + "Query", "namespace=ns top_k=5 include_values=1 queries{ top_k=7 } queries{ namespace=other }", search, "ns,other", 12, 12, ""},
		{pinecone + "Fetch", "namespace=ns ids=a ids=b", read, "ns", 2, 2, ""},
		{pinecone + "FetchByMetadata", "namespace=ns limit=5", read, "ns", 5, 5, ""},
		{pinecone + "FetchByMetadata", "namespace=ns limit=5 pagination_token=x", export, "ns", 5, 5, ""},
		{pinecone + "Upsert", "namespace=ns vectors{ id=a } vectors{ id=b }", write, "ns", 2, 0, ""},
		{pinecone + "Update", "namespace=ns id=a", write, "ns", all, 0, ""},
		{kserve + "ModelInfer", "model_name=m inputs{ shape=3 } outputs{ name=a } outputs{ name=b }", authz.ClassEmbed, "m", 3, 6, ""},
		{tei + "Embed/Embed", "inputs=x truncate=1 normalize=1 truncation_direction=1 prompt_name=query", authz.ClassEmbed, "", 1, 1, ""},
		{tei + "Embed/EmbedSparse", "inputs=x truncate=1 truncation_direction=1 prompt_name=query", authz.ClassEmbed, "", 1, 1, ""},
		{tei + "Embed/EmbedAll", "inputs=x truncate=1 prompt_name=query", authz.ClassEmbed, "", 1, all, ""},
		{tei + "Predict/Predict", "inputs=x raw_scores=1", authz.ClassEmbed, "", 1, 0, ""},
		{tei + "Predict/PredictPair", "inputs=x inputs=y raw_scores=1", authz.ClassEmbed, "", 1, 0, ""},
		{tei + "Rerank/Rerank", "query=x texts=a texts=b return_text=1", search, "", 2, 0, ""},
		{tei + "Rerank/RerankStream", "query=x text=a return_text=1", search, "", 1, 0, ""},
		{kserve + "ModelStreamInfer", "model_name=m inputs{ shape=3 } outputs{ name=a }", authz.ClassEmbed, "m", 3, 3, ""},
	} {
		at := slices.IndexFunc(s.methods, func(m rpcMethod) bool { return m.path == tt.path })
		if at < 0 {
			t.Errorf("no service has %s", tt.path)
			continue
		}
		d := rpcDialect(tt.path)
		msg, _ := s.message(t, s.methods[at].in, strings.Fields(tt.request))
		op, err := d.Body(d.Head("POST", tt.path, "", authz.Header{"content-type": {"application/grpc"}}), msg)
		if err != nil || op.Class != tt.class || op.Collection+op.Model != tt.collection || op.Documents != tt.docs || op.Vectors != tt.vectors || op.Vector != tt.vector {
			t.Errorf("%s %s: %+v, %v; want %s of %s, %d documents, %d vectors, by %q", tt.path, tt.request, op, err, tt.class, tt.collection, tt.docs, tt.vectors, tt.vector)
		}
	}
}
