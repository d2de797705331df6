// Package demo is a broadcast for people who have no encoder at hand: a short
// clip, played in a loop and in real time into this server over real RTMP, and
// a rundown that takes questions.
//
// The clip's timestamps run on from loop to loop, so that the server sees one
// endless broadcast. scripts/make-clip.mjs makes the clip.
package demo
