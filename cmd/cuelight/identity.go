package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager/origin"
)

// openDesk reads who may take part in which channel.
func (srv *server) openDesk(context.Context) (err error) {
	rules := make(map[string]admission.Rules)
	var errs []error
	for _, name := range srv.settings.sortedChannels() {
		identity := srv.settings.Channels[name].Identity
		pin, err := identity.pin()
		if err != nil {
			errs = append(errs, fmt.Errorf("channels.%s.identity: %w", name, err))
		}
		rules[name] = identity.rules(pin)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	srv.desk, err = admission.New(admission.Config{Keys: srv.tokens, Channels: rules, Bind: srv.useLink, Log: srv.log})
	return err
}

// useLink makes a one-time link a participant's, in the channel's log.
func (srv *server) useLink(ctx context.Context, channel, link, participant string) (owner string, err error) {
	room, ok := srv.hall(channel)
	if !ok {
		return "", interact.Errorf(interact.CodeUnavailable, "There is no channel %.64q.", channel)
	}
	return room.UseLink(ctx, link, participant)
}

// mayPlay checks the token that a player of a protected channel came with.
func (srv *server) mayPlay(tok, channel string, now time.Time) error {
	if c := srv.cluster; c != nil && c.peers.knowPass(tok, channel, now) {
		return nil // another node, for the viewers that it let in
	}
	claims, err := srv.tokens.Verify(tok, now)
	if err == nil && !claims.May(channel) {
		return origin.ErrOtherChannel
	}
	if err == nil && claims.Role == token.RoleProducer {
		return nil
	}
	refused := srv.desk.MayPlay(tok, channel, now)
	if errors.Is(refused, admission.ErrNoToken) {
		return err // which says why it is none
	}
	return refused
}
