package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// span is a duration as people write it: 250ms, 3s, 1m30s, 90d.
type span struct{ time.Duration }

// UnmarshalYAML reads a duration with its unit.
func (d *span) UnmarshalYAML(node ast.Node) error {
	text := strings.Trim(node.String(), ` "'`)
	v, err := parseSpan(text)
	if err != nil {
		at := node.GetToken().Position
		return fmt.Errorf("[%d:%d] %q is not a duration: write it as 250ms, 3s, 1m30s or 90d", at.Line, at.Column, text)
	}
	d.Duration = v
	return nil
}

// parseSpan reads a duration, or a whole number of days.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// MarshalYAML writes the duration with its unit.
func (d span) MarshalYAML() ([]byte, error) { return []byte(d.String()), nil }

// secret is a string that is never printed.
type secret string

// String hides the value.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// MarshalYAML hides the value.
func (s secret) MarshalYAML() ([]byte, error) { return strconv.AppendQuote(nil, s.String()), nil }

// bitrate is a number of bits per second as people write it: 2500k, 6M.
type bitrate int

// UnmarshalYAML reads a bit rate with its unit.
func (b *bitrate) UnmarshalYAML(node ast.Node) error {
	text := strings.Trim(node.String(), ` "'`)
	digits, factor := text, 1
	if n := len(text) - 1; n > 0 {
		switch text[n] {
		case 'k', 'K':
			digits, factor = text[:n], 1000
		case 'm', 'M':
			digits, factor = text[:n], 1_000_000
		}
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || v <= 0 || v*float64(factor) > 1e9 {
		at := node.GetToken().Position
		return fmt.Errorf("[%d:%d] %q is not a bit rate: write it as 800k or 2.5M", at.Line, at.Column, text)
	}
	*b = bitrate(v * float64(factor))
	return nil
}

// MarshalYAML writes the bit rate with its unit.
func (b bitrate) MarshalYAML() ([]byte, error) { return []byte(b.text()), nil }

// text is the bit rate with its unit.
func (b bitrate) text() string { return strconv.FormatFloat(float64(b)/1000, 'f', -1, 64) + "k" }
