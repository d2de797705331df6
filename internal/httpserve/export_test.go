package httpserve

import "net/http"

// Wrap is what a Server puts around its handler.
func Wrap(h http.Handler, cfg Config) http.Handler { return wrap(h, cfg.withDefaults()) }
