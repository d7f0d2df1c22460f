// Package index finds, within one process, the entries of the semantic cache that may answer a
// prompt: by keys that must be equal (Lookup), or by the cosine of embeddings (Search). It
// decides nothing: what it returns are candidates, with an opaque handle to the answer.
//
// # Groups
//
// An entry belongs to a group, a hash of all that must be equal for one answer to serve
// another prompt. A search goes through the rows of its group and of no other; a key is hashed
// together with its group, and the group of what it finds is compared in full.
//
// # Search
//
// Rows of a group lie densely in segments of up to 2048: vectors of int8, and for each a code
// of 512 bits, the signs of its coordinates after a random rotation. Each bit of two codes
// differs with the chance angle/π (Charikar, Similarity estimation techniques from rounding
// algorithms, 2002); the rotation is two rounds of random signs and Hadamard transform (Andoni
// et al., Practical and optimal LSH for angular distance, 2015) on 512 padded coordinates, in
// integers, so that every replica computes the same code.
//
// A search reads the first 128 bits of all codes, 256 of what is left, then 512, and the
// vectors of what is left then. At each stage it passes over rows whose distance is more than
// three standard deviations above that expected for the cosine which is looked for: the
// floor, or as soon as k entries are found the k-th best, whatever is higher. So the chance to
// miss an entry depends on no property of the data: about 0.3 % for one that is exactly at
// that cosine, and vanishing for those above. Cosines of what is found are exact and the same
// everywhere: integers until the last division. A group of up to 64 rows is compared row by row.
//
// The price of a search depends on its floor: the more rows may be as near, the more vectors
// are read. A scan of all codes fits the budget, so there is no graph and there are no inverted
// lists: their recall depends on the data, and suffers from deletions.
//
// # Concurrency
//
// A group has one list of segments, published by an atomic pointer; a list is never changed.
// Searches hold no lock but that of the segment they are in, for reading, while they go through
// its 2048 rows at most; a writer to it waits no longer, and others not at all.
// Groups are spread over 64 shards, whose lock writers hold for an entry, or for 256 when they
// purge, and Lookup for reading. A segment that is half empty is copied, published anew, and
// its memory returned; until then its free rows are filled first. There is no goroutine: who
// owns an index calls Expire now and then.
//
// # Bounds
//
// Bytes are reserved before they are taken, so that MaxBytes always holds for what is charged: what
// entries, groups and their segments take of the heap, free rows as well, the entries' Size, and what the
// caller holds for several of them. A group begins with a segment of one row, which grows by half; one
// grows by less where the index has no room. To make room,
// 16 entries are drawn at random, and the one with the least expected savings per byte goes:
// its value, halved for each half-life without use, and an expired one before all. Keys stand
// in a hash table that grows and shrinks by one bucket at a time (linear hashing, Litwin 1980), so
// that no call waits for a table of millions to be copied. Rows, keys and records hold no
// pointers that the collector had to follow.
//
// # Measured
//
// By ./bench, processor's time on one core of an EPYC that others kept busy: 256 dimensions,
// 11 keys an entry, k of 10, synthetic prompts of 1000 topics with a common direction, and
// queries at cosines from 0.55 to 0.97 to one of them:
//
//	entries     bytes each   floor 0.9: p50, p99   0.8             0.7             0.6
//	   10,000   789          28 µs, 0.08 ms        29 µs, 0.06 ms  32 µs, 0.09 ms  51 µs, 0.2 ms
//	  100,000   738          0.2 ms, 0.8 ms        0.2 ms, 0.8 ms  0.3 ms, 0.7 ms  0.5 ms, 2.1 ms
//	1,000,000   730          1.9 ms, 3.8 ms        2.1 ms, 4.3 ms  2.8 ms, 6.5 ms  6.4 ms, 23 ms
//
// 100,000 groups of 10 took 891 bytes an entry, and a search among them 5 µs.
//
// All neighbours that a flat scan found for 30 of the queries were found, at each of these
// sizes and floors. In 1000 queries each at 128, 256 and 384 dimensions, of 3000 entries, none
// of 2027 was missed for recall@1 at a floor of 0.8, and 22 of 27,955 for recall@10 at 0.3.
//
// Of real questions (15,188 of Quora's question pairs by embed/static, 400 as queries) none of
// 566 was missed for recall@1 at floors of 0.9 to 0.7, none of 1614 for recall@10 there, and 3
// of 2739 for recall@10 at 0.5.
package index
