package redis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cuelight/cuelight/interact"
)

// What is said on a channel is a line and data. The first letter of the line says
// what it is:
//
//	P epoch n offset reach tip before once   a post; once is - or = and the name
//	W kind node                              a whisper
//	F epoch                                  another numbering has begun
//
// Each post has a tip, a name that nothing else has, and says the tip of the one
// before: one number can be given out twice when a server is lost, a tip cannot.
// Later releases may add fields at the end and other letters.
const (
	sayPost    = 'P'
	sayWhisper = 'W'
	sayAnew    = 'F'
)

// said is a post with what holds it together with others.
type said struct {
	epoch, tip, before string
	post               interact.Post
}

// parsePost reads the text of a post.
func parsePost(text string) (said, error) {
	line, data, ok := strings.Cut(text, "\n")
	f := strings.Split(line, " ")
	if !ok || len(f) < 8 || f[0] != string(rune(sayPost)) || f[1] == "" || f[5] == "" || f[6] == "" {
		return said{}, fmt.Errorf("%.60q in the place of a post", text)
	}
	place, err := parsePlace(f[1], f[2], f[3])
	reach, err2 := strconv.ParseUint(f[4], 10, 8)
	if err != nil || err2 != nil || place.N == 0 || place.N >= maxNumber || len(data) == 0 || len(data) > interact.MaxPost {
		return said{}, fmt.Errorf("%.60q in the place of a post", line)
	}
	once, err := parseOnce(f[7])
	if err != nil {
		return said{}, fmt.Errorf("post %d: %w", place.N, err)
	}
	p := interact.Post{N: place.N, Offset: place.Offset, Reach: interact.Reach(reach), Once: once, Data: []byte(data)}
	return said{epoch: place.Epoch, tip: f[5], before: f[6], post: p}, nil
}

func onceField(once string) string {
	if once == "" {
		return "-"
	}
	return "=" + once
}

func parseOnce(field string) (string, error) {
	name, named := strings.CutPrefix(field, "=")
	if named && interact.IsWord(name, interact.MaxOnce) {
		return name, nil
	}
	if field != "-" {
		return "", fmt.Errorf("%.60q in the place of a post's name", field)
	}
	return "", nil
}

func formatWhisper(w interact.Whisper) string {
	return string(rune(sayWhisper)) + " " + w.Kind + " " + w.Node + "\n" + string(w.Data)
}

// parseWhisper reads the text of a whisper.
func parseWhisper(text string) (interact.Whisper, error) {
	line, data, ok := strings.Cut(text, "\n")
	f := strings.Split(line, " ")
	if !ok || len(f) < 3 || f[0] != string(rune(sayWhisper)) {
		return interact.Whisper{}, fmt.Errorf("%.60q in the place of a whisper", text)
	}
	w := interact.Whisper{Kind: f[1], Node: f[2], Data: []byte(data)}
	return w, w.Validate("-")
}
