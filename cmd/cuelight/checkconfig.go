package main

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// Run checks the configuration and prints what is in force, keys hidden.
func (c checkConfigCommand) Run(p *program) error {
	s, err := readSettings(c.Config, c.listenFlags)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	_, err = fmt.Fprintf(p.stdout, "# the configuration is good; in force is:\n%s", text)
	return err
}
