// Package drivers holds one package for each chip or bus that lode drives; it
// has no code itself. The rules that they all follow:
//
//   - New probes: it checks the chip's id and returns a concrete type, or an
//     error that names the chip, what was found and what was expected.
//   - A driver never opens its bus and never closes it.
//   - Options are a struct whose zero value works.
//   - Every number has its source beside it or in REFERENCE.md; guesses say so.
//   - Every wait has a limit.
//   - Chips that hash are a hashing.Hasher, and return from Run idle and safe.
package drivers
