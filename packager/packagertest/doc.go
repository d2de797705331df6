// Package packagertest has what tests of the packager need: shows to package,
// made up or really encoded, and a judge that reads the output as a player
// would and holds it against the rules of packager/SPEC.md.
package packagertest
