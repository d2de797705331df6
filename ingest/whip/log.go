package whip

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logger lets a part of pion log warnings and errors, all at level debug: what
// goes wrong on one connection is not the server's trouble.
type logger struct {
	log  *slog.Logger
	part string
}

// loggers makes a logger for each part of pion.
type loggers struct {
	log *slog.Logger
}

var (
	_ logging.LeveledLogger = logger{}
	_ logging.LoggerFactory = loggers{}
)

func (l loggers) NewLogger(part string) logging.LeveledLogger { return logger{l.log, part} }

func (l logger) sayf(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("webrtc", "err", l.part+": "+fmt.Sprintf(format, args...))
	}
}

func (l logger) Warn(msg string)                { l.sayf("%s", []any{msg}) }
func (l logger) Warnf(format string, a ...any)  { l.sayf(format, a) }
func (l logger) Error(msg string)               { l.sayf("%s", []any{msg}) }
func (l logger) Errorf(format string, a ...any) { l.sayf(format, a) }
func (logger) Trace(string)                     {}
func (logger) Tracef(string, ...any)            {}
func (logger) Debug(string)                     {}
func (logger) Debugf(string, ...any)            {}
func (logger) Info(string)                      {}
func (logger) Infof(string, ...any)             {}
