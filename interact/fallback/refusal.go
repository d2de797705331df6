package fallback

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/cuelight/cuelight/interact"
)

// refuse answers with an error, as the rest of the API does.
func refuse(w http.ResponseWriter, status int, code interact.Code, message string) {
	type body struct {
		Code    interact.Code `json:"code"`
		Message string        `json:"message"`
	}
	data, err := json.Marshal(map[string]body{"error": {code, message}})
	if err != nil { // neither string can cause one
		data = []byte(`{"error":{"code":"internal","message":""}}`)
	}
	h := w.Header()
	if h.Get("Retry-After") == "" && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		h.Set("Retry-After", "1")
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a client that left is its own business
}

// tryHeader is where the gateway names another node if it has no room.
const tryHeader = "Cuelight-Try"

// pass answers with what the gateway said instead of taking the connection.
func pass(w http.ResponseWriter, answer *http.Response) {
	code := interact.CodeInternal
	switch answer.StatusCode {
	case http.StatusForbidden:
		code = interact.CodeDenied
	case http.StatusTooManyRequests:
		code = interact.CodeTooMany
	case http.StatusServiceUnavailable:
		code = interact.CodeBusy
	case http.StatusBadRequest:
		code = interact.CodeInvalid
	default:
		refuse(w, http.StatusInternalServerError, code, "The stream could not be opened. Try again.")
		return
	}
	for _, name := range []string{"Retry-After", tryHeader} {
		if value := answer.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	said, err := io.ReadAll(answer.Body)
	if err != nil { // the dialer has read it into memory
		said = nil
	}
	refuse(w, answer.StatusCode, code, strings.TrimSpace(string(said)))
}
