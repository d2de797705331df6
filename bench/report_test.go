package main

import (
	"strings"
	"testing"
	"time"
)

func TestTableIsMarkdownWithRatios(t *testing.T) {
	tab := table{title: "Tea", ours: "us", base: "them"}
	tab.addTime("brewing", micros, 30*time.Microsecond, 20*time.Microsecond)
	tab.tell("cups", whole, 4, 5)
	var out strings.Builder
	tab.print(&out)
	const want = `
Tea

|         |      us |    them | us / them |
| ------- | ------: | ------: | --------: |
| brewing | 30.0 µs | 20.0 µs |      1.50 |
| cups    |       4 |       5 |         – |
`
	if out.String() != want {
		t.Errorf("printed %s\nwant %s", out.String(), want)
	}
}
