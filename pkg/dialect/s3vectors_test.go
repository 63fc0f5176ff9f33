package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestS3VectorsHeads(t *testing.T) {
	body := func(path string, c authz.Class) headCase {
		return headCase{"POST", path, unread(at(path, c, "")), true}
	}
	const arn = "/tags/arn:aws:s3vectors:eu-west-1:1:bucket%2Fb"
	checkHeads(t, dialect.S3Vectors{}, []headCase{
		body("/QueryVectors", authz.ClassSearch),
		body("/GetVectors", authz.ClassRead),
		body("/ListVectors", authz.ClassExport),
		body("/PutVectors", authz.ClassWrite),
		body("/DeleteVectors", authz.ClassWrite),
		body("/ListIndexes", authz.ClassList),
		body("/CreateIndex", authz.ClassAdmin),
		body("/PutVectorBucketPolicy", authz.ClassAdmin),
		{"GET", arn, done(at(arn, authz.ClassList, ""), 0, 0), false},
		{"POST", arn, done(at(arn, authz.ClassAdmin, ""), 0, 0), false},
		{"GET", "/QueryVectors", unknown(), false},
		{"POST", "/queryvectors", unknown(), false},
		{"POST", "/Tomorrow", unknown(), false},
	})
}

// TestS3VectorsBodies reads what boto3 1.44.8 sends.
func TestS3VectorsBodies(t *testing.T) {
	op := func(path string, c authz.Class, collection string, docs, vectors int64) authz.Operation {
		return done(at(path, c, collection), docs, vectors)
	}
	const arn = "arn:aws:s3vectors:eu-west-1:1:bucket/bucket1/index/docs"
	d := dialect.S3Vectors{}
	checkBodies(t, d, "POST", "/QueryVectors", map[string]bodyCase{
		"client":   {body: `{"vectorBucketName": "bucket1", "indexName": "docs", "topK": 5, "queryVector": {"float32": [0.1, 0.2]}, "returnMetadata": true, "returnDistance": true}`, want: op("/QueryVectors", authz.ClassSearch, "bucket1/docs", 5, 0)},
		"no limit": {body: `{"indexArn": "` + arn + `"}`, want: op("/QueryVectors", authz.ClassSearch, "bucket1/docs", all, 0)},
		"no data":  {body: `{"topK": 5, "returnData": true}`, want: op("/QueryVectors", authz.ClassSearch, "", 5, 0)},
	})
	checkBodies(t, d, "POST", "/GetVectors", map[string]bodyCase{
		"client":     {body: `{"vectorBucketName": "bucket1", "indexName": "docs", "keys": ["a", "b"], "returnData": true}`, want: op("/GetVectors", authz.ClassRead, "bucket1/docs", 2, 2)},
		"no data":    {body: `{"vectorBucketName": "bucket1", "indexName": "docs", "keys": ["a", "b"]}`, want: op("/GetVectors", authz.ClassRead, "bucket1/docs", 2, 0)},
		"both names": {body: `{"vectorBucketName": "bucket1", "indexName": "open", "indexArn": "` + arn + `", "keys": ["a"]}`, want: op("/GetVectors", authz.ClassRead, "bucket1/docs,bucket1/open", 1, 0)},
		"data twice": {body: `{"keys": [], "returnData": false, "returnData": true}`, bad: "returnData stands twice"},
		"in case":    {body: `{"keys": [], "ReturnData": true}`, bad: "differs from returnData in case"},
	})
	checkBodies(t, d, "POST", "/ListVectors", map[string]bodyCase{
		"client":  {body: `{"indexArn": "` + arn + `", "maxResults": 500, "returnData": true}`, want: op("/ListVectors", authz.ClassExport, "bucket1/docs", 500, 500)},
		"default": {body: `{"indexArn": "` + arn + `", "returnData": true}`, want: op("/ListVectors", authz.ClassExport, "bucket1/docs", 500, 500)},
	})
	checkBodies(t, d, "POST", "/PutVectors", map[string]bodyCase{
		"client": {body: `{"vectorBucketName": "bucket1", "indexName": "docs", "vectors": [{"key": "a", "data": {"float32": [0.1, 0.2]}}]}`, want: op("/PutVectors", authz.ClassWrite, "bucket1/docs", 1, 0)},
	})
	checkBodies(t, d, "POST", "/GetVectorBucket", map[string]bodyCase{
		"by ARN": {body: `{"vectorBucketArn": "arn:aws:s3vectors:eu-west-1:1:bucket/bucket1"}`, want: op("/GetVectorBucket", authz.ClassList, "bucket1", 0, 0)},
	})
}

func TestS3VectorsPlaces(t *testing.T) {
	const vectors = "vectors[*].data.float32"
	const scores = "vectors[*].distance vectors[*].scores.fused vectors[*].scores.vectorDistance vectors[*].scores.bm25Scores[*].score"
	checkPlaces(t, dialect.S3Vectors{}, []placeCase{
		{op: at("/QueryVectors", authz.ClassSearch, ""), vectors: vectors, scores: scores},
		{op: at("/ListVectors", authz.ClassExport, ""), vectors: vectors, scores: scores},
		{op: at("/PutVectors", authz.ClassWrite, "")},
		{op: at("/ListIndexes", authz.ClassList, "")},
	})
}
