package interact

import (
	"errors"
	"fmt"
)

// Code tells a program why something was refused. Codes are part of the wire
// protocol: add, never rename.
type Code string

// Why an answer or a command is refused.
const (
	CodeInvalid       Code = "invalid"        // malformed; can never succeed
	CodeUnknownCue    Code = "unknown_cue"    // no such cue on this channel
	CodeUnknownOption Code = "unknown_option" // the cue has no such option
	CodeEarly         Code = "early"          // before the window opened
	CodeTooFast       Code = "too_fast"       // quicker than a person can read
	CodeLate          Code = "late"           // after the window and its grace
	CodeClosed        Code = "closed"         // the tally is final
	CodeVoid          Code = "void"           // cancelled or voided by the producer
	CodePaused        Code = "paused"         // while the window was paused
	CodeNotYet        Code = "not_yet"        // a key before its time
	CodeUnknown       Code = "unknown"        // no such key
	CodeNotAdmitted   Code = "not_admitted"   // not a participant here
	CodeBanned        Code = "banned"         // removed from this channel by its producer
	CodeTooMany       Code = "too_many"       // sending faster than allowed
	CodeTooLate       Code = "too_late"       // a command after its notice
	CodeConflict      Code = "conflict"       // a command that does not fit the cue's state
	CodeDenied        Code = "denied"         // not with this token
	CodeBusy          Code = "busy"           // try again shortly
	CodeUnavailable   Code = "unavailable"    // the log cannot be written
	CodeInternal      Code = "internal"       // our fault; details are only in the log
)

// Error is a refusal that the person it concerns may read.
type Error struct {
	Code    Code
	Message string
}

// Error returns code and message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an *Error. The message goes to viewers and producers: it says
// what to do, and holds no address, key or path.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns "" for nil and CodeInternal for any error that is not ours.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
