package srt

import (
	"errors"

	gosrt "github.com/datarhei/gosrt"

	"github.com/cuelight/cuelight/ingest"
)

// reason is why a caller is refused, as its SRT library names it. On the wire
// it stands after failed.
type reason uint32

// failed is what the wire has before every reason.
const failed = 1000

// What the protocol itself refuses. The library counts failed in.
// Spec: draft-sharabayko-srt-01 §3.2.1, table 7.
const (
	rejPeer       = reason(gosrt.REJ_PEER - failed)
	rejRogue      = reason(gosrt.REJ_ROGUE - failed)
	rejVersion    = reason(gosrt.REJ_VERSION - failed)
	rejBadSecret  = reason(gosrt.REJ_BADSECRET - failed)
	rejUnsecure   = reason(gosrt.REJ_UNSECURE - failed)
	rejMessageAPI = reason(gosrt.REJ_MESSAGEAPI - failed)
	rejCongestion = reason(gosrt.REJ_CONGESTION - failed)
)

// What an application refuses. Spec: SRT Access Control, "Rejection codes".
const (
	rejBadRequest = reason(gosrt.REJX_BAD_REQUEST)
	rejOverload   = reason(gosrt.REJX_OVERLOAD)
	rejForbidden  = reason(gosrt.REJX_FORBIDDEN)
	rejNotFound   = reason(gosrt.REJX_NOTFOUND)
	rejBadMode    = reason(gosrt.REJX_BAD_MODE)
	rejConflict   = reason(1409)
	rejInternal   = reason(gosrt.REJX_ISE)
)

// errSecret says that the caller encrypts, with another passphrase.
var errSecret = &flaw{rejBadSecret, "wrong passphrase: copy it again"}

// reasonOf is what the caller's SRT library is told.
func reasonOf(err error) reason {
	if f, ok := errors.AsType[*flaw](err); ok {
		return f.reason
	}
	switch ingest.CodeOf(err) {
	case ingest.CodeUnknownChannel:
		return rejNotFound
	case ingest.CodeWrongKey:
		return rejForbidden
	case ingest.CodeBusy:
		return rejConflict
	case ingest.CodeFull:
		return rejOverload
	case ingest.CodeMode:
		return rejBadMode
	case ingest.CodeMalformed:
		return rejBadRequest
	default:
		return rejPeer
	}
}
