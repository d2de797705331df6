package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// asked is how often the edge asked the origin for each object, by path and
// directives.
type asked map[string]int

// countAsked counts the lines of the edge's log by object.
func countAsked(r io.Reader) (asked, error) {
	a := asked{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 {
			return nil, fmt.Errorf("line of the edge's log: %q", lines.Text())
		}
		if fields[0] == "GET" && strings.HasPrefix(fields[1], "/hls/") {
			a[fields[1]]++
		}
	}
	return a, lines.Err()
}

// since is what was asked for after before was counted.
func (a asked) since(before asked) asked {
	d := asked{}
	for object, n := range a {
		if n > before[object] {
			d[object] = n - before[object]
		}
	}
	return d
}

// A kind is a sort of object.
type kind int

const (
	blocking kind = iota // playlists that wait, each asked for once
	polled               // playlists and timelines as they are now, which change
	parts
	whole // segments and init sections
	kinds
)

var kindNames = [kinds]string{"playlists that wait", "playlists as they are", "parts", "segments, init sections"}

func kindOf(object string) kind {
	path, query, _ := strings.Cut(object, "?")
	switch {
	case strings.Contains(query, "_HLS_msn="):
		return blocking
	case strings.HasSuffix(path, ".m3u8"), strings.HasSuffix(path, ".json"):
		return polled
	case strings.Count(path, ".") > 1: // video-7.0.mp4
		return parts
	default:
		return whole
	}
}

// polledFor is how long a playlist that was asked for without directives is
// kept: half a target duration of 2 s (N3).
const polledFor = time.Second

// most is how often an object of a kind may be asked for in so much time.
func (k kind) most(took time.Duration) int {
	if k == polled {
		return int(took/polledFor) + 2
	}
	return 1
}

// print shows what the origin was asked, and returns an error if it was asked
// for something twice.
func (a asked) print(out io.Writer, took time.Duration) error {
	var objects, requests [kinds]int
	var twice []string
	for object, n := range a {
		k := kindOf(object)
		objects[k]++
		requests[k] += n
		if n > k.most(took) {
			twice = append(twice, fmt.Sprintf("%s %d times", object, n))
		}
	}
	fmt.Fprintf(out, "\nat the origin, in %.1f s        objects  requests\n", took.Seconds())
	for k := range kinds {
		fmt.Fprintf(out, "  %-29s %7d %9d\n", kindNames[k], objects[k], requests[k])
	}
	switch {
	case objects[blocking] == 0 || objects[parts] == 0:
		return errors.New("the edge asked for no playlist or no part: nothing was measured")
	case len(twice) > 0:
		slices.Sort(twice)
		return fmt.Errorf("%d objects were asked for more than once, such as %s", len(twice), strings.Join(twice[:min(5, len(twice))], ", "))
	}
	return nil
}
