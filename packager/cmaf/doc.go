// Package cmaf writes fragmented MP4 as HLS and CMAF want it: init sections
// and the fragments of parts. It is pure: values in, bytes out.
//
// The boxes themselves come from mediacommon; this package adds the brands of
// CMAF, styp and prft. Rules are numbered in packager/SPEC.md.
package cmaf
