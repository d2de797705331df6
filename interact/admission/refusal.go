package admission

import (
	"context"
	"errors"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// Refusal says why somebody is not let in, in words for the viewer's screen.
// It never holds a token, a PIN or a link.
type Refusal struct {
	// Code closes the socket, and tells the client whether to come back.
	Code wire.CloseCode
	// Reason is at most 100 bytes, so that a close frame holds it.
	Reason string
}

// Error returns the reason.
func (r *Refusal) Error() string { return "not admitted: " + r.Reason }

// ErrNoToken means something that is neither a viewer's token of this server
// nor a sign-in of a site that counts.
var ErrNoToken error = &Refusal{wire.CloseDenied, "a viewer's token is needed"}

// What viewers are told.
var (
	errNeedsPIN     = &Refusal{wire.ClosePIN, "this show asks for a PIN"}
	errWrongPIN     = &Refusal{wire.ClosePIN, "this PIN is not right"}
	errNeedsLink    = &Refusal{wire.CloseLink, "this show is open to those who were sent a link of their own"}
	errBadLink      = &Refusal{wire.CloseLink, "this link is not one of this show's: open it again as it was sent"}
	errOldLink      = &Refusal{wire.CloseLink, "this link is over: ask for a new one"}
	errUsedLink     = &Refusal{wire.CloseLink, "this link has been used on another device"}
	errNoLinks      = &Refusal{wire.CloseLink, "this show takes no more links"}
	errNeedsAccount = &Refusal{wire.CloseDenied, "sign in on the page that brought you here, then come back"}
	errSignInOver   = &Refusal{wire.CloseDenied, "your sign-in is over: reload the page that brought you here"}
	errSignIn       = &Refusal{wire.CloseDenied, "your sign-in was not accepted: sign in again on the page that brought you here"}
	errOtherChannel = &Refusal{wire.CloseDenied, "this token is for another channel"}
	errNotInvited   = &Refusal{wire.CloseDenied, "this channel is open to viewers who were invited"}
	errBusy         = &Refusal{wire.CloseBusy, "the server cannot check this link just now"}
	errInternal     = &Refusal{wire.CloseError, ""}
)

// refusalOf turns the failure to bind a link into what the viewer is told.
func refusalOf(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errBusy
	}
	switch interact.CodeOf(err) {
	case interact.CodeConflict:
		return errNoLinks
	case interact.CodeBusy, interact.CodeUnavailable, interact.CodeTooMany:
		return errBusy
	default:
		return errInternal
	}
}
