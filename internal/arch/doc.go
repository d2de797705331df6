// Package arch guards the repository's own rules: who may import whom, and
// that every package says what it is. See docs/architecture.md.
package arch
