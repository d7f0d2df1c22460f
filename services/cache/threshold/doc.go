// Package threshold learns from which similarity on a semantic cache may serve: for one
// namespace, from comparisons of cached with fresh answers, so that of the hits no larger share
// is wrong than the operator allows. It starts by serving nothing.
//
// It has no clock, no randomness and no I/O of its own. What it promises, and the proofs, are in
// docs/02-Architecture.md, "A threshold that learns"; in short:
//
//   - While the world stays as it is, with the operator's confidence no threshold is ever in
//     force above which more than the allowed share of entries is wrong, as long as these are right or wrong
//     independently of each other.
//   - Whatever the world does, the expected number of wrong hits is at most the allowed share of
//     the hits, and a handful.
//
// Two parts work together. The evidence (evidence.go, limit.go) decides which thresholds are proven;
// the account (account.go) decides how many would-be hits are compared rather than served, and
// when what was learned no longer holds.
package threshold
