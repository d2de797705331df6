// Package sntp asks time servers how far the room clock R is from UTC.
//
// It is a health figure first: several servers are asked, and the time in which
// most of them agree counts, so one that lies is seen and one that is silent is
// missed. R is never stepped by it; where it may, a [Checker] slews R.
//
// The packets are those of RFC 5905 in their simple form, SNTP version 4
// (RFC 4330 is the older text). Nothing of the asking machine is in a request.
//
// Rules are numbered CL… in sync/SPEC.md.
package sntp
