// Package readers lets players that share no code with the packager play the
// real server's stream, while ffmpeg pushes it with B-frames by RTMP.
package readers
