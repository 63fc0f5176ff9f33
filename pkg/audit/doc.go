// Package audit is the trail: what was decided and how it ended, on disk before anything is released, provable and readable again.
//
// It owns the form of an audit record (one JSON object, the names of Fields), the journal that keeps them (segmented files; each frame
// with its length, CRC32C and a SHA-256 that covers the one before), reading, searching and verifying such a directory, and the
// shipper that hands records to a Sink. It trusts the disk only as far as fdatasync: Receipt.Wait returns after it, and the first write
// or sync that fails ends the journal for good, because what a disk holds after a failed sync is unknown. It refuses to share a
// directory with a second writer, to overwrite what it cannot read, and to delete what was not shipped unless told to. Records never
// hold vectors, tokens, bodies or query strings.
//
// # Files of a journal
//
//	00000000000000000001.weir   a segment, named after the number of its first record
//	00000000000000000001.weir.torn-…  what a crash left half written behind the last whole frame, set aside by Open
//	cursor-NAME.json            how far the shipper NAME has got
//	lock                        held by the one writer
//
// A segment is a header of 64 bytes (magic "weirjrn1", number of the first record, hash of the record before it, time of creation in
// Unix ns, CRC32C) and frames (CRC32C of what follows, length of the payload, SHA-256 of previous hash and payload, payload), integers
// little-endian, then zeros up to its preallocated size. A sealed segment ends with its last frame.
//
// # After a crash
//
// Open cuts back to the last whole frame. Everything whose Wait returned nil lies before it. A record may be there although its Wait
// failed: its exchange was refused, and its completion may be missing. Unfinished lists decisions without completion; the
// server completes them with Lost.
package audit
