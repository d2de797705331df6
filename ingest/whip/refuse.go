package whip

import (
	"encoding/json"
	"net/http"

	"github.com/cuelight/cuelight/ingest"
)

// refuse tells the publisher why, in the shape of the HTTP API's errors.
func refuse(w http.ResponseWriter, err *ingest.Error) {
	status := statusOf(err.Code)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="stream key"`)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	refuseWith(w, status, err)
}

func refuseWith(w http.ResponseWriter, status int, err *ingest.Error) {
	type body struct {
		Code    ingest.Code `json:"code"`
		Message string      `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the publisher may be gone
		Error body `json:"error"`
	}{body{err.Code, err.Message}})
}

// statusOf maps the reasons that a request can be refused for (IG84).
func statusOf(code ingest.Code) int {
	switch code {
	case ingest.CodeWrongKey:
		return http.StatusUnauthorized
	case ingest.CodeUnknownChannel:
		return http.StatusNotFound
	case ingest.CodeMode:
		return http.StatusMethodNotAllowed
	case ingest.CodeUnsupportedCodec:
		return http.StatusNotAcceptable
	case ingest.CodeBusy, ingest.CodeReplaced:
		return http.StatusConflict
	case ingest.CodeFull:
		return http.StatusServiceUnavailable
	case ingest.CodeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}
