// Package jsonscan reads a JSON document in one pass without building a tree.
//
// A gateway forwards its caller's own bytes; what it needs from a body is where a few
// values lie. Every scan validates the whole document strictly by RFC 8259 while it
// locates the spans, and allocates nothing unless a key has escapes:
//
//   - [Scan], [ScanObject] and [ScanArray] report the spans of the root, of an object's
//     members and of an array's elements. [Fields] collects the members of an object and
//     tells when a key occurs twice. [Lookup] is for cold, nested access.
//   - [String], [AppendString], [EqualString], [Int64] and [Bool] read one value,
//     [AppendQuoted] writes a string.
//   - [Patch] writes the document again with members replaced, removed or added and every
//     other byte the same.
//   - [AppendCanonical] drops the white space that means nothing; [Sorter] brings members
//     into one order, too, so that a digest depends on neither.
//
// # Strictness
//
// The scans accept what encoding/json.Valid accepts, with two exceptions: a string that is
// not valid UTF-8 is refused (RFC 8259 §8.1), and so is nesting beyond [DefaultMaxDepth].
// An escape of half a surrogate pair, such as "\ud800", is accepted, because the grammar
// has it and the bytes pass through; the decoders turn it into U+FFFD. A byte order mark
// is refused, as by encoding/json.
//
// No error text quotes the document, which may hold prompts and keys.
//
// # How
//
// Strings, which are nearly all of a prompt body, are looked at in 8-byte words: one
// subtraction per searched byte class finds the first quote, backslash or control
// character of a word (the "zero byte in a word" method, Hacker's Delight, 2nd edition,
// §6-1), and UTF-8 is checked afterwards only for a string that had a non-ASCII byte. Beside
// encoding/json.Valid, [Fields.Scan] takes about a tenth of the time for 20 KB of English prose, a
// fifth for code full of escapes, a quarter for non-ASCII text, and half for a body that is
// all structure (Go 1.26, amd64, 2026-11-23; the benchmarks repeat it).
package jsonscan
