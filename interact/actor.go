package interact

import (
	"context"
	"strings"
	"unicode/utf8"
)

// ActorClock is who does what nobody has told a room to do: its clock, at the
// instants that were agreed on.
const ActorClock = "clock"

// MaxActor is the longest name of an actor, in bytes; more is cut off.
const MaxActor = 128

type actorKey struct{}

// WithActor returns a context for commands that somebody gives: who is what a
// token says of a producer. It goes into the log with each command, for those who
// ask later who did it, and gives no rights.
func WithActor(ctx context.Context, who string) context.Context {
	who = strings.ToValidUTF8(who, "\uFFFD")
	if len(who) > MaxActor {
		end := MaxActor
		for !utf8.RuneStart(who[end]) {
			end--
		}
		who = who[:end]
	}
	return context.WithValue(ctx, actorKey{}, who)
}

// ActorOf returns who gives the commands of a context, empty if it is not known.
func ActorOf(ctx context.Context) string {
	who, _ := ctx.Value(actorKey{}).(string)
	return who
}
