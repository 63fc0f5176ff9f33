package dialect

import (
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// milvusRPC is a method of Milvus's gRPC service. Source: milvus-io/milvus-proto proto/milvus.proto, schema.proto and common.proto.
type milvusRPC struct {
	class authz.Class
	name  string
	reads bool // its request names a collection: db_name=2, collection_name=3
}

// parseMilvusRPC reads a path; ok is false for one that is no gRPC method.
func parseMilvusRPC(path string) (m milvusRPC, ok bool) {
	m.class = authz.ClassUnknown
	name, ok := strings.CutPrefix(path, "/milvus.proto.milvus.MilvusService/")
	if !ok {
		if path == "/grpc.health.v1.Health/Check" || path == "/milvus.proto.milvus.ClientTelemetryService/ClientHeartbeat" {
			m.class = authz.ClassList
		}
		return m, strings.HasPrefix(path, "/milvus.") || strings.HasPrefix(path, "/grpc.")
	}
	m.name = name
	switch name {
	case "Search", "HybridSearch":
		m.class, m.reads = authz.ClassSearch, true
	case "Query":
		m.class, m.reads = authz.ClassRead, true
	case "Insert", "Upsert", "Delete":
		m.class, m.reads = authz.ClassWrite, true
	case "Flush", "FlushAll":
		m.class = authz.ClassWrite
	case "CreateSnapshot", "ExportSnapshot", "PinSnapshotData", "DumpMessages", "DescribeSegmentIndexData":
		m.class = authz.ClassExport
	default:
		m.class, m.reads = milvusOther(name)
	}
	return m, true
}

// milvusOther is the class of methods that touch no entities, and whether their request names a collection.
func milvusOther(name string) (class authz.Class, reads bool) {
	switch name {
	case "HasCollection", "DescribeCollection", "GetCollectionStatistics", "HasPartition", "ShowPartitions", "GetPartitionStatistics", "DescribeIndex",
		"GetIndexStatistics", "GetIndexState", "GetIndexBuildProgress", "ListAliases":
		return authz.ClassList, true
	case "Connect", "GetVersion", "CheckHealth", "ShowCollections", "BatchDescribeCollection", "ListDatabases", "DescribeDatabase", "DescribeAlias",
		"GetLoadingProgress", "GetLoadState", "GetFlushState", "GetFlushAllState", "GetCompactionState", "GetCompactionStateWithPlans", "GetReplicas",
		"GetPersistentSegmentInfo", "GetQuerySegmentInfo", "GetImportState", "ListImportTasks", "GetMetrics", "GetComponentStates", "AllocTimestamp",
		"ListCredUsers", "SelectRole", "SelectUser", "SelectGrant", "ListPrivilegeGroups", "ListResourceGroups", "DescribeResourceGroup",
		"ListIndexedSegment", "ListSnapshots", "DescribeSnapshot":
		return authz.ClassList, false
	case "CreateCollection", "DropCollection", "AlterCollection", "AlterCollectionField", "LoadCollection", "ReleaseCollection", "TruncateCollection",
		"CreatePartition", "DropPartition", "LoadPartitions", "ReleasePartitions", "CreateIndex", "AlterIndex", "DropIndex", "CreateAlias", "AlterAlias",
		"AddCollectionField", "AddCollectionStructField", "AddCollectionFunction", "AlterCollectionFunction", "DropCollectionFunction", "AlterCollectionSchema":
		return authz.ClassAdmin, true
	case "DropAlias", "RenameCollection", "CreateDatabase", "DropDatabase", "AlterDatabase", "LoadBalance", "ManualCompaction", "Import", "CreateCredential",
		"UpdateCredential", "DeleteCredential", "CreateRole", "AlterRole", "DropRole", "OperateUserRole", "OperatePrivilege", "OperatePrivilegeV2",
		"CreateResourceGroup", "DropResourceGroup", "UpdateResourceGroups", "TransferNode", "TransferReplica", "CreatePrivilegeGroup", "DropPrivilegeGroup",
		"OperatePrivilegeGroup", "BackupRBAC", "RestoreRBAC", "DropSnapshot", "RestoreSnapshot":
		return authz.ClassAdmin, false
	}
	return authz.ClassUnknown, false
}

// message reads one message of a request.
func (d Milvus) message(m milvusRPC, op authz.Operation, msg []byte) (authz.Operation, error) {
	out := begun(op)
	a := milvusAsk{fields: selection{known: d.Vectors}, limit: absent, group: absent}
	if !op.Complete {
		a.database = op.Collection
	}
	w := milvusWire{milvusAsk: &a, keys: d.PrimaryKeys}
	if m.name == "Query" {
		a.ids = absent
	}
	if err := readMessage(msg, func(f *wireField) error { return w.field(m.name, f) }); err != nil {
		return op, err
	}
	var docs int64
	switch m.name {
	case "Search", "HybridSearch":
		if a.paged {
			out.Class = authz.ClassExport
		}
		out.Vector = a.named()
		docs = product(product(max(a.queries, a.ids, 1), limited(a.limit, authz.Unbounded)), limited(max(a.group, 1), 1))
		if w.aggregated {
			docs = authz.Unbounded
		}
	case "Query":
		if docs = limited(a.limit, authz.Unbounded); a.ids >= 0 && (docs < 0 || a.ids < docs) {
			docs = a.ids
		}
		if docs < 0 || a.paged {
			out.Class = authz.ClassExport
		}
	case "Insert", "Upsert":
		docs, a.fields.n = w.rows, 0
	case "Delete":
		docs = authz.Unbounded
	}
	collections := earlier(op)
	if err := collections.add(a.qualified()); err != nil {
		return op, err
	}
	out.Collection = collections.joined
	out.Documents, out.Vectors = sum(out.Documents, docs), sum(out.Vectors, product(docs, a.fields.n))
	out.Bytes += int64(len(msg))
	return out, nil
}

// milvusWire reads a request's message.
type milvusWire struct {
	*milvusAsk
	keys       []string // the primary keys' names
	seen       uint64
	rows       int64
	aggregated bool
}

// field reads a field of a request: db_name=2 and collection_name=3 of all; the rest by method.
func (w *milvusWire) field(method string, f *wireField) (err error) {
	if f.number == 2 || f.number == 3 || f.number == 4 && method == "Query" {
		if err := f.once(&w.seen, "db_name, collection_name or expr"); err != nil {
			return err
		}
	}
	switch f.number {
	case 2:
		var name string
		if name, err = f.text("db_name"); name != "" {
			w.database = name
		}
		return err
	case 3:
		w.collection, err = f.text("collection_name")
		return err
	}
	switch method {
	case "Search":
		return w.search(f, true)
	case "HybridSearch": // requests=5, rank_params=6, output_fields=10
		switch f.number {
		case 5:
			return f.message("requests", func(f *wireField) error { return w.search(f, false) })
		case 6:
			return w.parameter(f)
		case 10:
			return w.output(f)
		}
	case "Query": // expr=4, output_fields=5, query_params=9
		switch f.number {
		case 4:
			if f.is == wireBytes {
				w.ids = milvusKeys(string(f.bytes), w.keys)
			}
		case 5:
			return w.output(f)
		case 9:
			return w.parameter(f)
		}
	case "Insert", "Upsert": // num_rows=7
		if f.number == 7 {
			w.rows, err = f.whole("num_rows")
		}
	}
	return err
}

// search reads a field of a SearchRequest: placeholder_group=6, output_fields=8, search_params=9, nq=12, sub_reqs=17, ids=22,
// search_aggregation=23. Of a hybrid search's own searches the limits bound nothing that leaves.
func (w *milvusWire) search(f *wireField, whole bool) error {
	switch f.number {
	case 6:
		return w.placeholders(f)
	case 8:
		return w.output(f)
	case 9:
		if whole {
			return w.parameter(f)
		}
		return w.anns(f)
	case 12:
		n, err := f.whole("nq")
		w.queries = max(w.queries, n)
		return err
	case 17: // SubSearchRequest: placeholder_group=2, search_params=4, nq=5
		return f.message("sub_reqs", func(f *wireField) error {
			switch f.number {
			case 2:
				f.number = 6
			case 4:
				f.number = 9
			case 5:
				f.number = 12
			default:
				return nil
			}
			return w.search(f, false)
		})
	case 22: // IDs: int_id=1, str_id=2, of which each holds data=1
		return f.message("ids", func(f *wireField) error {
			strs := f.number == 2
			return f.message("ids", func(f *wireField) error {
				if strs || f.number != 1 {
					w.ids++
					return nil
				}
				return f.numbers("ids", func(int64) { w.ids++ })
			})
		})
	case 23:
		w.aggregated = true
	}
	return nil
}

// placeholders counts the vectors that are searched by: PlaceholderGroup.placeholders=1 → values=3. nq says it too, and either may be
// what is believed.
func (w *milvusWire) placeholders(f *wireField) error {
	n := int64(0)
	err := f.message("placeholder_group", func(f *wireField) error {
		return inside(f, 1, func(f *wireField) error {
			if f.number == 3 {
				n++
			}
			return nil
		})
	})
	w.queries = max(w.queries, n)
	return err
}

func (w *milvusWire) output(f *wireField) error {
	s, err := f.text("output_fields")
	if err != nil {
		return err
	}
	return w.milvusAsk.field(s)
}

// parameter reads a KeyValuePair of a search or a query: key=1, value=2.
func (w *milvusWire) parameter(f *wireField) error {
	key, value, err := milvusPair(f)
	if err != nil {
		return err
	}
	number := func(n *int64) error {
		v, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
			return badBody("%s is no whole number", key)
		case *n >= 0:
			return badBody("%s is stated twice", key)
		}
		*n = max(0, v)
		return nil
	}
	switch key {
	case "topk", "limit":
		return number(&w.limit)
	case "group_size":
		return number(&w.group)
	case "iterator", "search_iter_v2":
		w.paged = w.paged || !strings.EqualFold(value, "false")
	case "anns_field":
		return w.using.add(value)
	}
	return nil
}

// anns reads a parameter as far as it names the vector field.
func (w *milvusWire) anns(f *wireField) error {
	key, value, err := milvusPair(f)
	if err != nil || key != "anns_field" {
		return err
	}
	return w.using.add(value)
}

func milvusPair(f *wireField) (key, value string, err error) {
	err = f.message("a parameter", func(f *wireField) (err error) {
		switch {
		case f.is != wireBytes:
			err = badBody("a parameter is no string")
		case f.number == 1:
			key, err = f.text("a parameter")
		case f.number == 2 && len(f.bytes) <= maxText: // longer ones are none of those that matter
			value, err = f.text("a parameter")
		case f.number == 2:
			value = ""
		}
		return err
	})
	return key, value, err
}

// answer is where the messages of an answer hold vectors and scores, by field numbers.
func (m milvusRPC) answer() []scan.Field {
	switch m.name {
	case "Search", "HybridSearch": // SearchResults.results=2 → fields_data=3, scores=4, distances=10, last_bound, highlights, agg_buckets → hits
		out := milvusData(make([]scan.Field, 0, 31), "2.3", true)
		for _, path := range [...]string{"2.4", "2.10", "2.11.2", "2.14.2.2", "2.18.4.3", "2.18.5.4.3", "2.18.5.5.4.3"} {
			out = append(out, scan.Field{Path: path, Encoding: scan.EncodingFloats, Role: scan.RoleScore})
		}
		return out
	case "Query": // QueryResults.fields_data=2
		return milvusData(make([]scan.Field, 0, 24), "2", true)
	}
	return nil
}

// milvusData adds the places of a FieldData: field_name=2, vectors=4, and, of a struct's array (8), the same again.
func milvusData(to []scan.Field, at string, structs bool) []scan.Field {
	name := at + ".2"
	to = milvusVectors(to, at+".4", name)
	to = milvusVectors(to, at+".4.8.2", name) // VectorField.vector_array → data
	if structs {
		to = milvusData(to, at+".8.1", false)
	}
	return to
}

// milvusVectors adds the places of a VectorField: dim=1, and the rows of all entities end to end.
func milvusVectors(to []scan.Field, at, name string) []scan.Field {
	dims := at + ".1"
	place := func(path string, e scan.Encoding) scan.Field {
		return scan.Field{Path: at + path, Encoding: e, Role: scan.RoleVector, Named: name, Dims: dims}
	}
	sparse := scan.Field{Path: at + ".6.1", Encoding: scan.EncodingSparse, Role: scan.RoleVector, Named: name} // one a row
	return append(to, place(".2.1", scan.EncodingFloats), place(".3", scan.EncodingBits), place(".4", scan.EncodingF16), place(".5", scan.EncodingBF16),
		sparse, place(".7", scan.EncodingI8))
}

// carries is where the messages of a request hold dense vectors: the placeholders' values are their float32s.
func (m milvusRPC) carries(op authz.Operation) []scan.Field {
	switch m.name {
	case "Search":
		return under(op.Vector, scan.EncodingF32, "6.1.3", "17.2.1.3")
	case "HybridSearch":
		return under(op.Vector, scan.EncodingF32, "5.6.1.3")
	case "Insert", "Upsert":
		return []scan.Field{{Path: "5.4.2.1", Encoding: scan.EncodingFloats, Role: scan.RoleVector, Named: "5.2", Dims: "5.4.1"}}
	}
	return nil
}
