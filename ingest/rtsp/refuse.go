package rtsp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/cuelight/cuelight/ingest"
)

// hints say what is wrong where the library refuses by number only.
var hints = map[base.Method]string{
	base.Announce: "the session description cannot be used: send it as SDP, H.264 in packetization-mode 1, AAC in mode AAC-hbr",
	base.Setup:    "SETUP does not fit: use RTP over TCP or UDP unicast, mode=record, for each track of ANNOUNCE once",
	base.Record:   "RECORD came before every track of ANNOUNCE was set up",
}

// refuse says why in the status line, which is what encoders print.
func refuse(err error) *base.Response {
	res := new(base.Response)
	res.StatusCode, res.StatusMessage = statusOf(err)
	return res
}

func statusOf(err error) (base.StatusCode, string) {
	e, ok := errors.AsType[*ingest.Error](err)
	if !ok {
		return base.StatusInternalServerError, ""
	}
	return statusCode(e.Code), fmt.Sprintf("%.200s", e.Message)
}

func statusCode(code ingest.Code) base.StatusCode {
	switch code {
	case ingest.CodeWrongKey:
		return base.StatusForbidden
	case ingest.CodeUnknownChannel:
		return base.StatusNotFound
	case ingest.CodeMode:
		return base.StatusMethodNotAllowed
	case ingest.CodeBusy:
		return 409
	case ingest.CodeUnsupportedCodec:
		return base.StatusUnsupportedMediaType
	case ingest.CodeFull:
		return base.StatusServiceUnavailable
	case ingest.CodeInternal:
		return base.StatusInternalServerError
	default:
		return base.StatusBadRequest
	}
}
