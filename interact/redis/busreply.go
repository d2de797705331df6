package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cuelight/cuelight/interact"
)

// What a function says first if it has not done what it was asked.
const (
	saysOK     = "ok"
	saysFenced = "fenced"
)

// ask runs a function that says ok and more, or why not.
//
// Errors: interact.ErrFenced; errSaid for another reason; as call.
func (c *Client) ask(ctx context.Context, doing string, one *call) ([]string, error) {
	said, err := c.call(ctx, doing, one)
	if err != nil {
		return nil, err
	}
	f, err := texts(said)
	switch {
	case err != nil:
		return nil, c.refused(ctx, doing, err)
	case len(f) == 0:
		return nil, c.refused(ctx, doing, errors.New("a function said nothing"))
	case f[0] == saysOK:
		return f[1:], nil
	case f[0] == saysFenced:
		return nil, interact.ErrFenced
	}
	return f[1:], errSaid(f[0])
}

// errSaid is why a function has not done what it was asked, in its own word.
type errSaid string

func (e errSaid) Error() string { return "a function said " + string(e) }

// texts reads a list of strings.
func texts(said any) ([]string, error) {
	list, ok := said.([]any)
	if !ok {
		return nil, fmt.Errorf("%T in the place of a list", said)
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("%T in the place of a text", v)
		}
	}
	return out, nil
}

// maxNumber is the first number that functions do not count exactly.
const maxNumber = 1 << 53

// parseEntry reads an entry of a stream whose ids are a number and -0.
func parseEntry(said any) (number uint64, fields map[string]string, err error) {
	pair, ok := said.([]any)
	if !ok || len(pair) != 2 {
		return 0, nil, fmt.Errorf("%T in the place of a stream's entry", said)
	}
	id, ok := pair[0].(string)
	head, end, _ := strings.Cut(id, "-")
	number, err = strconv.ParseUint(head, 10, 64)
	if !ok || err != nil || end != "0" || number == 0 || number >= maxNumber {
		return 0, nil, fmt.Errorf("%.60q in the place of a number and -0", id)
	}
	list, err := texts(pair[1])
	if err != nil || len(list)%2 != 0 {
		return number, nil, errors.Join(fmt.Errorf("entry %d has no pairs of fields", number), err)
	}
	fields = make(map[string]string, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		fields[list[i]] = list[i+1]
	}
	return number, fields, nil
}
