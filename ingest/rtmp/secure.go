package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/cuelight/cuelight/ingest"
)

// secure does the TLS handshake, within the connection's deadline. Without TLS
// it returns the connection as it is.
func (s *Server) secure(ctx context.Context, nc net.Conn) (net.Conn, error) {
	if s.TLS == nil {
		return nc, nil
	}
	cfg := s.TLS.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	tc := tls.Server(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, tlsError(err)
	}
	return tc, nil
}

func tlsError(err error) error {
	if quiet(err) {
		return err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return ingest.Errorf(ingest.CodeTimeout, "the TLS handshake took too long")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return ingest.Errorf(ingest.CodeMalformed, "this port takes rtmps:// only: this is not TLS")
	}
	return ingest.Errorf(ingest.CodeMalformed, "the TLS handshake failed: %v", err)
}
