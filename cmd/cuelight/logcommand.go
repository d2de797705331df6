package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cuelight/cuelight/interact/embedded"
)

// logCommand looks after the log of answers of a server that is not running.
type logCommand struct {
	Check   logCheckCommand   `cmd:"" help:"Read the whole log and say what is wrong with it. Ends with 0 if nothing is, 1 if it is damaged, 2 if it could not be read."`
	Salvage logSalvageCommand `cmd:"" help:"Copy what is readable of a damaged log into a new one, and say what was left out."`
}

type logCheckCommand struct {
	File string `arg:"" name:"file" help:"The log: answers.db in the data folder."`
}

type logSalvageCommand struct {
	File string `arg:"" name:"file" help:"The damaged log. It stays as it is."`
	To   string `required:"" placeholder:"NEW" help:"The new log. There must be no file of that name."`
}

// Exit codes of log.
const (
	exitDamaged    = 1
	exitUnreadable = 2
)

// Run checks a log and prints what was found.
//
// Errors: *exitError with exitDamaged or exitUnreadable.
func (c logCheckCommand) Run(ctx context.Context, p *program) error {
	report, err := embedded.Check(ctx, c.File)
	if err != nil {
		return &exitError{exitUnreadable, err}
	}
	if err := printLog(p.stdout, report); err != nil {
		return &exitError{exitUnreadable, fmt.Errorf("print the report: %w", err)}
	}
	if !report.Whole() {
		return &exitError{exitDamaged, fmt.Errorf("%s is damaged: restore it from a backup, or copy what is readable with `cuelight log salvage %s --to NEW`", c.File, c.File)}
	}
	return nil
}

// Run copies a log and prints what was left out.
//
// Errors: *exitError with exitUnreadable.
func (c logSalvageCommand) Run(ctx context.Context, p *program) error {
	report, err := embedded.Salvage(ctx, c.File, c.To)
	if err != nil {
		return &exitError{exitUnreadable, err}
	}
	err = printLog(p.stdout, report)
	_, last := fmt.Fprintf(p.stdout, "copied to %s; to go on with it, move %s with its -wal and -shm out of the way and this file to its place\n", c.To, filepath.Base(c.File))
	return errors.Join(err, last)
}

func printLog(w io.Writer, r embedded.Report) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	for _, f := range r.Channels {
		line("channel %s: %d records, %d bytes", f.Channel, f.Records, f.Bytes)
		if f.Damage != "" {
			line("  ends there: %s; %d more left out", f.Damage, f.LeftOut)
		}
	}
	if r.Unfinished > 0 {
		line("end: %d pages of a write that was never acknowledged; a start drops them", r.Unfinished)
	}
	for _, d := range r.Damage {
		line("damage: %s", d)
	}
	if r.Whole() {
		line("the log is whole")
	}
	return errors.Join(errs...)
}
