package engine

import (
	"errors"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/cue"
)

// sentence is what a viewer reads when its answer is refused.
func sentence(code interact.Code) string {
	switch code {
	case interact.CodeInvalid:
		return "This answer could not be read, so it does not count."
	case interact.CodeUnknownCue:
		return "This question is not on air here."
	case interact.CodeUnknownOption:
		return "This question has no such option."
	case interact.CodeEarly:
		return "This answer came before the window opened. Please answer again."
	case interact.CodeTooFast:
		return "This answer came faster than anybody can read. Please answer again."
	case interact.CodeLate:
		return "This answer came after the window closed, so it does not count."
	case interact.CodeClosed:
		return "The result is final, so this answer does not count."
	case interact.CodeVoid:
		return "The producer has withdrawn this question, so no answers count."
	case interact.CodePaused:
		return "The window was paused when this answer was given. Please answer again when it goes on."
	case interact.CodeNotAdmitted:
		return "You are not a participant of this show."
	case interact.CodeBanned:
		return "You have been removed from this show."
	case interact.CodeTooMany:
		return "You have changed your answer too often. The last one that was saved counts."
	case interact.CodeBusy:
		return "Many answers are coming in at once. Please send yours again in a moment."
	case interact.CodeUnavailable:
		return "Your answer could not be saved, so it does not count yet. Please send it again."
	default:
		return "Your answer could not be counted."
	}
}

// refusals are the errors with a code, made once: a flood of refused answers
// costs no memory.
var refusals = func() map[interact.Code]*interact.Error {
	all := make(map[interact.Code]*interact.Error)
	for _, code := range []interact.Code{
		interact.CodeInvalid, interact.CodeUnknownCue, interact.CodeUnknownOption, interact.CodeEarly, interact.CodeTooFast,
		interact.CodeLate, interact.CodeClosed, interact.CodeVoid, interact.CodePaused, interact.CodeNotAdmitted,
		interact.CodeBanned, interact.CodeTooMany, interact.CodeBusy, interact.CodeUnavailable, interact.CodeInternal,
	} {
		all[code] = &interact.Error{Code: code, Message: sentence(code)}
	}
	return all
}()

// refuse returns the error of a code. It is shared.
func refuse(code interact.Code) error {
	if e := refusals[code]; e != nil {
		return e
	}
	return refusals[interact.CodeInternal]
}

// codeOf translates a verdict. Accepted has no code.
func codeOf(v cue.Verdict) interact.Code {
	switch v {
	case cue.Early:
		return interact.CodeEarly
	case cue.TooFast:
		return interact.CodeTooFast
	case cue.Late:
		return interact.CodeLate
	case cue.Finished:
		return interact.CodeClosed
	case cue.Withdrawn:
		return interact.CodeVoid
	case cue.InPause:
		return interact.CodePaused
	case cue.NotOnAir:
		return interact.CodeUnknownCue
	default:
		return interact.CodeInternal
	}
}

// producerError turns the refusal of a command into one with a code.
func producerError(err error) error {
	refused, ok := errors.AsType[*cue.Refused](err)
	if !ok {
		return err
	}
	code := interact.CodeConflict
	if refused.Reason == cue.TooLate {
		code = interact.CodeTooLate
	}
	return &interact.Error{Code: code, Message: capital(refused.Message)}
}

// capital makes a message a sentence.
func capital(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:] + "."
	}
	return s
}
