package main

import (
	"crypto/hmac"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/token"
)

// A pass lets a node load the multivariant playlist of a protected channel from
// its home, for all the viewers that it has let in itself. It is good for that
// and nothing else, so that who reads it on the way gets no more than a viewer.
const (
	passPrefix = "node-"
	passUse    = "playback"
	// passPeriod is how often it is another one. Those of the periods before and
	// after are taken too: the nodes' clocks differ.
	passPeriod = 5 * time.Minute
)

// pass is the channel's at a moment.
func (p peers) pass(channel string, now time.Time) string {
	return p.passOf(channel, now.Unix()/int64(passPeriod/time.Second))
}

func (p peers) passOf(channel string, period int64) string {
	return passPrefix + base64.RawURLEncoding.EncodeToString(token.Sum(p, passUse, channel, strconv.FormatInt(period, 10)))
}

// knowPass reports whether tok is a pass for the channel, in a time that tells
// nothing.
func (p peers) knowPass(tok, channel string, now time.Time) bool {
	if !strings.HasPrefix(tok, passPrefix) {
		return false
	}
	known := false
	for period := now.Add(-passPeriod); !period.After(now.Add(passPeriod)); period = period.Add(passPeriod) {
		known = hmac.Equal([]byte(tok), []byte(p.pass(channel, period))) || known
	}
	return known
}
