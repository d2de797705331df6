package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// Code says why a publisher was refused or cut off. Codes appear in logs and
// metrics: add, never rename.
type Code string

// The reasons. Their sentences are made where they are found.
const (
	CodeUnknownChannel   Code = "unknown_channel"
	CodeWrongKey         Code = "wrong_key"
	CodeWrongPassphrase  Code = "wrong_passphrase"  // or none, or one that nobody asked for (SRT)
	CodeBusy             Code = "busy"              // another publisher is live
	CodeReplaced         Code = "replaced"          // by another publisher with the key
	CodeFull             Code = "too_many_sessions" // of the server or of one address
	CodeMode             Code = "not_publishing"    // asks to play
	CodeUnsupportedCodec Code = "unsupported_codec"
	CodeMalformed        Code = "malformed"  // bytes that make no sense
	CodeTimeout          Code = "timeout"    // no media soon enough
	CodeStalled          Code = "stalled"    // no media any more
	CodeBitrate          Code = "bitrate"    // above the ceiling
	CodeResolution       Code = "resolution" // above the ceiling
	CodeTimestamps       Code = "timestamps" // went back and stayed there
	CodeInternal         Code = "internal"   // our fault; details only in the log
)

// Error is a refusal that the publisher may read: it says what to do and holds
// no keys.
type Error struct {
	Code    Code
	Message string
}

// Error returns the code and the sentence.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an *Error. The sentence goes to publishers: no keys, and
// nothing that a publisher sent unless quoted.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Unsupported is the refusal of a codec, by the name that people use for it.
func Unsupported(codec string) *Error {
	return Errorf(CodeUnsupportedCodec, "%s is not supported: set the encoder to H.264, HEVC or AV1 video and AAC or Opus audio", codec)
}

// CodeOf returns "" for nil and for an ordinary end, and CodeInternal for an
// error that is not ours.
func CodeOf(err error) Code {
	if left(err) {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// left reports whether err is how a connection ends when nothing is wrong.
func left(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
